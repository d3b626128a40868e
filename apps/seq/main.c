// SPDX-License-Identifier: MIT
//
// lattn-seq: models of sequences, on any Vulkan device.
//
//   lattn-seq train --task lm --train_file text.txt --output_dir out
//   lattn-seq generate --model_name_or_path out --prompt "Once upon"
//   lattn-seq eval --model_name_or_path out --validation_file other.txt
//   lattn-seq predict --model_name_or_path out --test_file new.tsv

#include "seq/seq.h"

int main(int argc, char **argv)
{
    static const struct cli_subcommand commands[] = {
        { "train", "trains a model of sequences", seq_train },
        { "eval", "judges a model on other data", seq_eval },
        { "generate", "goes on with a text", seq_generate },
        { "ngram", "what counting characters gives: the figure to beat", seq_ngram },
        { "attention", "a picture of what a transformer looks at", seq_attention },
        { "predict", "labels, answers or forecasts for new data", seq_predict },
        { NULL, NULL, NULL },
    };
    static const struct cli_suite suite = {
        .name = "lattn-seq",
        .summary = "trains and runs recurrent networks and transformers on sequences",
        .commands = commands,
    };
    return cli_dispatch(&suite, argc, argv);
}
