// SPDX-License-Identifier: MIT
//
// lattn-cnn: trains and runs classifiers of pictures on any Vulkan device.
//
//   lattn-cnn train --data_path pictures/ --model resnet18 --output_dir out
//   lattn-cnn predict --model_name_or_path out photo.jpg

#include "cnn/cnn.h"

int main(int argc, char **argv)
{
    static const struct cli_subcommand commands[] = {
        { "train", "trains a classifier on labelled pictures", cnn_train },
        { "eval", "accuracy and macro F1 of a model on labelled pictures", cnn_eval },
        { "predict", "labels and probabilities for pictures, one JSON object a line", cnn_predict },
        { "features", "what the layers make of one picture, as PNG", cnn_features },
        { "summary", "layers, shapes, parameters and FLOPs of a network", cnn_summary },
        { NULL, NULL, NULL },
    };
    static const struct cli_suite suite = {
        .name = "lattn-cnn",
        .summary = "trains and runs classifiers of pictures on any Vulkan device",
        .commands = commands,
    };
    return cli_dispatch(&suite, argc, argv);
}
