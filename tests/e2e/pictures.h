// SPDX-License-Identifier: MIT
//
// A small task for networks of images: is a picture bright above, bright on the left, or a
// checkerboard? One convolution learns it in a few updates.
#ifndef LT_PICTURES_H
#define LT_PICTURES_H
#include "harness/harness.h"

enum { LT_TRAINING_PICTURES = 60, LT_TEST_PICTURES = 18 };

// Writes dir/name with MNIST's four files, grey pictures of classes 0 to n_classes - 1 in turn.
void lt_idx_files(const char *dir, const char *name, int H, int W, int n_classes);
// Writes dir/name with folders rows and columns of 12 pictures each; sizes differ by a pixel or two.
void lt_picture_folder(const char *dir, const char *name, int H, int W);
// Writes one picture in colour of that class as PNG.
void lt_picture(const char *path, int kind, int H, int W, unsigned seed);
// Takes bytes off the end of a file.
void lt_cut_file(const char *path, size_t bytes);

// The command line that trains a tiny network on dir/data into dir/output; extra options come last and
// win. Lent until the next call. The loud one prints progress.
const char *lt_cnn_line(const char *dir, const char *data, const char *output, const char *extra);
const char *lt_cnn_loud_line(
    const char *dir, const char *data, const char *output, const char *extra);

#endif
