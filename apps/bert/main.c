// SPDX-License-Identifier: MIT
//
// lattn-bert: fine-tunes and runs BERT-style encoders on text, on any Vulkan device.
//
//   lattn-bert finetune --train_file train.tsv --validation_file dev.tsv --output_dir out
//   lattn-bert predict --model_name_or_path out --test_file new.tsv

#include "bert/bert.h"

int main(int argc, char **argv)
{
    static const struct cli_subcommand commands[] = {
        { "finetune", "trains a classifier on labelled text", bert_finetune },
        { "eval", "accuracy and macro F1 of a model on labelled text", bert_eval },
        { "predict", "labels and probabilities for text, one JSON object a line", bert_predict },
        { "vocab", "builds a WordPiece vocabulary from text", bert_vocab },
        { "tokenize", "shows how text is cut into tokens", bert_tokenize },
        { "wordnet", "makes the WordNet gloss data set from the package wordnet-base",
            bert_wordnet },
        { NULL, NULL, NULL },
    };
    static const struct cli_suite suite = {
        .name = "lattn-bert",
        .summary = "fine-tunes and runs BERT-style encoders on any Vulkan device",
        .commands = commands,
    };
    return cli_dispatch(&suite, argc, argv);
}
