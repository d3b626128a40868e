# shellcheck shell=sh disable=SC2154
# SPDX-License-Identifier: MIT
#
# ./run demo (sourced by it): the full WordNet run of README.md in this folder with fewer updates.
# A second call goes on where the first was stopped, and is quick when it had finished.

demo_steps=1500

demo_bert() {
    setup_packages run demo
    build_commands
    choose_runner
    data=$build/wordnet
    model=$build/demo
    [ -s "$data/test.tsv" ] || "$apps/lattn-bert" wordnet --output_dir "$data"

    say "Training: which of 26 kinds of thing does a dictionary definition describe?"
    say "(Ctrl-C stops after saving; ./run demo goes on from there.)"
    $runner "$apps/lattn-bert" finetune \
        --train_file "$data/train.tsv" --validation_file "$data/validation.tsv" \
        --test_file "$data/test.tsv" --output_dir "$model" \
        --hidden_size 128 --num_hidden_layers 2 --num_attention_heads 2 --vocab_size 16000 \
        --max_seq_length 32 --per_device_train_batch_size 64 --learning_rate 1e-3 \
        --warmup_ratio 0.1 --weight_decay 0.01 --label_smoothing_factor 0.1 --seed 0 \
        --max_steps "$demo_steps" --eval_steps 300 --save_steps 100 \
        --resume_from_checkpoint true "$@"

    say ""
    say "What it says to four definitions that it has not seen:"
    printf 'text\n%s\n%s\n%s\n%s\n' \
        "a small furry animal that lives in trees and eats nuts" \
        "the act of paying money for something" \
        "a feeling of great happiness" \
        "a sharp tool used for cutting bread" >"$model/questions.tsv"
    $runner "$apps/lattn-bert" predict --model_name_or_path "$model" \
        --test_file "$model/questions.tsv" |
        sed 's/^{"text": "\(.*\)", "label": "\([^"]*\)", "score": \([0-9.]*\).*/    \1  ->  \2 (\3)/'
    say ""
    say "Model folder: $model"
    say "Curves:       $model/curves.svg"
    say "TensorBoard:  tensorboard --logdir $model"
}
