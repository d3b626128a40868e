# shellcheck shell=sh disable=SC2154
# SPDX-License-Identifier: MIT
#
# ./run demo seq (sourced by it): a character LSTM learns to write dictionary definitions. A second call
# goes on where the first was stopped, and is quick when it had finished.

demo_glosses=10000
demo_steps=50000

demo_seq() {
    setup_packages run demo
    build_commands
    choose_runner
    data=$build/wordnet
    text=$build/glosses
    model=$build/demo_seq
    [ -s "$data/test.tsv" ] || "$apps/lattn-bert" wordnet --output_dir "$data"
    mkdir -p "$text"
    [ -s "$text/train.tsv" ] || head -n $((demo_glosses + 1)) "$data/train.tsv" >"$text/train.tsv"

    say "Training: which character comes next in a dictionary definition?"
    say "(Ctrl-C stops after saving; ./run demo seq goes on from there.)"
    $runner "$apps/lattn-seq" train --train_file "$text/train.tsv" \
        --validation_file "$data/validation.tsv" --test_file "$data/test.tsv" --output_dir "$model" \
        --hidden_size 192 --embedding_size 32 --per_device_train_batch_size 8 --seq_len 16 \
        --per_device_eval_batch_size 128 --learning_rate 8e-3 --warmup_ratio 0.02 --seed 0 \
        --max_steps "$demo_steps" --eval_steps 10000 --save_steps 5000 --logging_steps 100 \
        --sample_prompt "a person who " --resume_from_checkpoint true "$@"

    say ""
    say "A 5-gram model of the same text, on the same test set:"
    "$apps/lattn-seq" ngram --train_file "$text/train.tsv" --validation_file "$data/test.tsv" |
        sed 's/^/    /'
    say ""
    say "What the network writes:"
    for prompt in "a person who " "the act of " "a small bird "; do
        $runner "$apps/lattn-seq" generate --model_name_or_path "$model" --prompt "$prompt" \
            --num_return_sequences 2 --temperature 0.6 | sed 's/^/    /'
    done
    say ""
    say "Model folder: $model"
    say "Curves:       $model/curves.svg"
    say "TensorBoard:  tensorboard --logdir $model"
}
