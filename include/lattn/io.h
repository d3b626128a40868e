// SPDX-License-Identifier: MIT
//
// Files of models: safetensors (one file or shards) and checkpoint folders.
//
// Nothing in a file is trusted: every size is checked against the size of the file
// before memory is taken, and a damaged file gives one sentence that names the file,
// the tensor and both numbers.
#ifndef LATTN_IO_H
#define LATTN_IO_H
#include "lattn/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

// ---- safetensors: reading -----------------------------------------------------------------

typedef struct lattn_safetensors lattn_safetensors;

typedef struct lattn_safetensors_params {
    bool refuse_not_finite;  // NaN or infinity is ERR_FORMAT; without it, a warning with the count
} lattn_safetensors_params;

// What the header says of one tensor.
typedef struct lattn_safetensors_entry {
    const char *name;   // lent by the file
    const char *dtype;  // as in the file: "F32", "BF16", "I64", ...; lent
    const char *path;   // the file it is in (one of the shards); lent
    int rank;
    int64_t dim[LATTN_MAX_RANK];
    int64_t numel;
    uint64_t bytes;
} lattn_safetensors_entry;

/**
 * Opens named tensors for reading; reads and checks the headers only.
 *
 * Args     path    a .safetensors file; an index of shards (.index.json); or a folder
 *                  with model.safetensors or model.safetensors.index.json
 *          params  NULL = defaults
 * Edge     no tensors, zero-size tensors and scalars are valid
 * Owner    the caller; lattn_safetensors_close
 * Errors   ERR_IO, ERR_FORMAT (damaged; a pickle file, with how to convert it),
 *          ERR_UNSUPPORTED (rank above LATTN_MAX_RANK), ERR_HOST_MEMORY
 * Source   huggingface.co/docs/safetensors, "Format"
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_safetensors_open(
    const char *path, const lattn_safetensors_params *params, lattn_safetensors **out);

/** Closes the file and frees all it lent; sets *file to NULL. Accepts NULL. */
LATTN_API void lattn_safetensors_close(lattn_safetensors **file);

/** How many tensors there are, over all shards. */
LATTN_API size_t lattn_safetensors_count(const lattn_safetensors *file);

/**
 * Describes tensor i; tensors are in the order of their names.
 *
 * Errors   ERR_ARG when i is not below the count
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_safetensors_get(
    const lattn_safetensors *file, size_t i, lattn_safetensors_entry *out);

/** Index of a name; -1 if there is none. */
LATTN_API int64_t lattn_safetensors_find(const lattn_safetensors *file, const char *name);

/** A value of __metadata__, lent; NULL if there is none. Of the first file when sharded. */
LATTN_API const char *lattn_safetensors_metadata(const lattn_safetensors *file, const char *key);

/**
 * Reads tensor i into host memory, row-major.
 *
 * Dtypes   F64 F32 F16 BF16 -> f32 f16 bf16, to nearest even;
 *          I64 U64 I32 U32 I16 U16 I8 U8 BOOL -> i32 u8, values that do not fit are an error
 * Args     dtype  what to store
 *          bytes  size of data, numel * size of dtype
 * Edge     NaN and infinity are kept, with a warning (or refused, see params)
 * Errors   ERR_ARG (i, bytes), ERR_DTYPE, ERR_FORMAT, ERR_IO, ERR_HOST_MEMORY
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_safetensors_read(
    lattn_safetensors *file, size_t i, lattn_dtype dtype, void *data, size_t bytes);

/**
 * Reads tensor i into a tensor of the same shape, converted to its dtype.
 *
 * Errors   as lattn_safetensors_read; ERR_SHAPE with both shapes; those of
 *          lattn_tensor_write
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_safetensors_read_tensor(
    lattn_safetensors *file, size_t i, lattn_tensor *t);

// ---- safetensors: writing -----------------------------------------------------------------

typedef struct lattn_named_tensor {
    const char *name;
    lattn_tensor *tensor;
} lattn_named_tensor;

typedef struct lattn_named_array {
    const char *name;
    lattn_dtype dtype;
    int rank;
    const int64_t *dims;
    const void *data;  // row-major, numel * size of dtype bytes
} lattn_named_array;

/**
 * Writes tensors to one file, each in its own dtype; one at a time is in host memory.
 *
 * Edge     the old file stays until the new one is complete and on disk
 * Waits    until everything recorded so far has run
 * Errors   ERR_ARG (no name, a name twice, a name that is not UTF-8), ERR_IO,
 *          ERR_HOST_MEMORY, those of lattn_tensor_read
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_safetensors_save(
    const char *path, const lattn_named_tensor *items, size_t n);

/**
 * The same from host memory.
 *
 * Errors   as lattn_safetensors_save, but nothing is read from a device
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_safetensors_save_arrays(
    const char *path, const lattn_named_array *items, size_t n);

// ---- checkpoints --------------------------------------------------------------------------

typedef struct lattn_checkpoint lattn_checkpoint;

/**
 * Begins a checkpoint: makes a temporary folder inside dir, to be filled by any
 * functions and then committed. Until then dir/checkpoint-<step> does not exist or
 * is the old one.
 *
 * Args     dir   output folder, made if it does not exist
 *          step  >= 0
 * Owner    the caller; lattn_checkpoint_commit or lattn_checkpoint_abort
 * Errors   ERR_ARG, ERR_IO, ERR_HOST_MEMORY
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_checkpoint_begin(
    const char *dir, int64_t step, lattn_checkpoint **out);

/** The folder to write files into (sub-folders too); lent. */
LATTN_API const char *lattn_checkpoint_dir(const lattn_checkpoint *c);

/**
 * Makes the checkpoint visible, all or nothing: writes manifest.json with size and
 * XXH3 hash of every file, puts all on disk, renames the folder to checkpoint-<step>.
 *
 * Edge     an older checkpoint of that step is replaced
 * Owner    frees and clears *c, on failure too (the temporary folder is then removed)
 * Errors   ERR_IO, ERR_HOST_MEMORY
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_checkpoint_commit(lattn_checkpoint **c);

/** Drops a checkpoint that was begun, with its files. Accepts NULL. */
LATTN_API void lattn_checkpoint_abort(lattn_checkpoint **c);

/**
 * Checks that every file of a checkpoint folder is there and unchanged.
 *
 * Errors   ERR_FORMAT naming the first file that is missing, cut or altered; ERR_IO
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_checkpoint_verify(const char *checkpoint_dir);

/**
 * Finds the newest complete checkpoint in an output folder. Incomplete ones are
 * skipped with a warning.
 *
 * Args     step        out: its step; -1 when there is none
 *          path        out: its folder, "" when there is none; may be NULL
 *          path_bytes  room in path
 * Edge     a folder that does not exist has none
 * Errors   ERR_IO, ERR_ARG (path does not fit), ERR_HOST_MEMORY
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_checkpoint_find(
    const char *dir, int64_t *step, char *path, size_t path_bytes);

/**
 * Removes what an interrupted save or prune left behind. Call it while the output
 * folder is locked by this process: another writer's temporary folder would go too.
 *
 * Errors   ERR_IO, ERR_HOST_MEMORY
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_checkpoint_clean(const char *dir);

/**
 * Removes all checkpoints but the newest ones.
 *
 * Args     keep_last  >= 1, how many of the highest steps stay
 *          keep_step  one more that stays (the best so far); -1 = none
 * Errors   ERR_ARG, ERR_IO, ERR_HOST_MEMORY
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_checkpoint_prune(
    const char *dir, int keep_last, int64_t keep_step);

/**
 * Removes the checkpoints of all steps above one, the highest first: what a run that begins again there
 * will write anew.
 *
 * Args     step  -1 = all of them
 * Errors   ERR_IO, ERR_HOST_MEMORY
 */
LATTN_API LATTN_MUST_CHECK lattn_status lattn_checkpoint_remove_after(
    const char *dir, int64_t step);

#ifdef __cplusplus
}
#endif
#endif
