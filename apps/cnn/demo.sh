# shellcheck shell=sh disable=SC2154
# SPDX-License-Identifier: MIT
#
# ./run demo cnn (sourced by it): a small convolutional network learns Fashion-MNIST. A second call goes
# on where the first was stopped, and is quick when it had finished.

demo_layers="conv 16 3x3, bn, relu, maxpool 2, conv 32 3x3, bn, relu, maxpool 2, conv 64 3x3, bn, relu, globalpool"

demo_cnn() {
    setup_packages run demo
    build_commands
    choose_runner
    data=/usr/share/datasets/fashion-mnist
    model=$build/demo_cnn
    [ -d "$data" ] || die "$data is missing: install the package dataset-fashion-mnist"

    say "Training: which of 10 kinds of clothes does a picture show?"
    say "(Ctrl-C stops after saving; ./run demo cnn goes on from there.)"
    $runner "$apps/lattn-cnn" train --data_path "$data" --layers "$demo_layers" \
        --output_dir "$model" --batch_size 128 --epochs 4 --lr 0.1 --nesterov \
        --weight_decay 5e-4 --warmup_ratio 0.1 --seed 0 --save_steps 200 --resume true "$@"

    say ""
    say "Model folder: $model"
    say "Curves:       $model/curves.svg"
    say "Mistakes:     $model/worst.svg, $model/confusion.svg"
    say "TensorBoard:  tensorboard --logdir $model"
}
