// SPDX-License-Identifier: MIT
//
// Batches of a loader as fields of a training step.

#include "image/pictures.h"
#include "harness/harness.h"

TEST(source, pictures_are_x_labels_and_targets)
{
    static const char text[] = "label,a,b,c,d\n0,0,255,51,102\n1,1,2,3,4\n2,5,6,7,8\n";
    lattn_dataset *d;
    EXPECT_OK(lattn_numbers_open(lt_put("n.csv", text, sizeof text - 1),
        &(lattn_numbers_params){ .pixels = true, .C = 1, .H = 2, .W = 2 }, &d));
    REQUIRE(d);
    for (int mixed = 0; mixed < 2; mixed++) {
        lattn_image_loader_params params = {
            .dataset = d, .batch_size = 2, .transform.mixup = mixed ? 0.3f : 0
        };
        lattn_loader *l;
        lattn_fields fields;
        REQUIRE(!lattn_image_loader_create(&params, &l));
        lattn_source source = lattn_source_from_loader(l, lattn_dataset_count(d));
        EXPECT(source.n_batches == 2 && source.n_samples == 3);
        EXPECT_OK(source.next(source.user, &fields));
        EXPECT_OK(source.next(source.user, &fields));
        EXPECT_EQ(fields.n_fields, 2 + mixed);
        EXPECT_EQ(fields.n_samples, 1);
        const lattn_field *x = &fields.field[0], *y = &fields.field[1], *t = &fields.field[2];
        EXPECT(x->dtype == LATTN_DTYPE_F32 && x->rank == 4);
        EXPECT(x->dim[0] == 1 && x->dim[1] == 1 && x->dim[2] == 2 && x->dim[3] == 2);
        EXPECT_NEAR((double) ((const float *) x->data)[3], 8 / 255.0, 1e-7);
        EXPECT(y->dtype == LATTN_DTYPE_I32 && y->rank == 1 && y->dim[0] == 1);
        EXPECT(*(const int32_t *) y->data == 2 && fields.labels[0] == 2);
        if (mixed) {
            EXPECT(t->dtype == LATTN_DTYPE_F32 && t->rank == 2 && t->dim[1] == 3);
            EXPECT(((const float *) t->data)[2] == 1);
        }
        EXPECT_OK(source.next(source.user, &fields));
        EXPECT_EQ(fields.n_samples, 0);
        EXPECT_OK(source.seek(source.user, 1, 1));
        EXPECT_OK(source.next(source.user, &fields));
        EXPECT_EQ(fields.labels[0], 2);
        lattn_loader_destroy(&l);
    }
    lattn_dataset_close(&d);
}
