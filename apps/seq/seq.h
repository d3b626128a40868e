// SPDX-License-Identifier: MIT
//
// What the subcommands of lattn-seq share. A kind of task (task_lm.c, ...) knows its files, its batches
// and its loss, behind struct seq_task; everything else is the same for all of them.
#ifndef APP_SEQ_H
#define APP_SEQ_H
#include "common/cli.h"
#include "common/run.h"
#include "lattn/lattn.h"

int seq_train(int argc, char **argv);
int seq_eval(int argc, char **argv);
int seq_generate(int argc, char **argv);
int seq_ngram(int argc, char **argv);
int seq_predict(int argc, char **argv);
int seq_attention(int argc, char **argv);

struct seq_task;
struct seq_model;

// ---- config.c -------------------------------------------------------------------------------------

enum seq_model_type { SEQ_LSTM, SEQ_GRU, SEQ_RNN, SEQ_TRANSFORMER };
extern const char *const seq_model_types[];  // their names, in this order; ends with NULL

// How a transformer is told about places.
enum seq_position { SEQ_LEARNED, SEQ_SINUSOIDAL, SEQ_ROTARY, SEQ_ALIBI, SEQ_NOWHERE };
extern const char *const seq_positions[];

struct seq_names {
    char **item;
    int n;
};

// config.json of a model folder. Sizes are named as in PyTorch's nn.LSTM and in transformers.
struct seq_config {
    const struct seq_task *task;
    int model_type;                 // enum seq_model_type
    int64_t vocab_size, n_outputs;  // vocab_size 0: numbers are read, embedding_size of them a step
    int64_t bos_token_id;  // of language models: what stands before a text; -1 = nothing does
    int64_t embedding_size, hidden_size;
    int num_layers;
    double dropout;
    bool tie_weights;    // the head uses the weight of the embedding
    bool bidirectional;  // of recurrent models
    // Of transformers alone.
    int num_heads;
    int64_t intermediate_size, max_positions;
    int position;  // enum seq_position
    // Of single kinds of tasks.
    struct seq_names labels;            // of classes, in the order of their ids
    struct seq_names columns, targets;  // of series: those read, those forecast
    int64_t steps, horizon, season;     // of series: read, forecast; of a season, 0 = there is none
};

// Errors   ERR_IO; ERR_FORMAT naming file, field and value
lattn_status seq_config_load(const char *dir, struct seq_config *out);
lattn_status seq_config_save(const struct seq_config *c, const char *dir);
void seq_config_free(struct seq_config *c);
// Appends a copy of a name.
lattn_status seq_names_add(struct seq_names *names, const char *name);
// One sentence on sizes that do not fit together; NULL = they do.
const char *seq_config_wrong(const struct seq_config *c);

// ---- model.c --------------------------------------------------------------------------------------

// Tokens become rows of a table, a body turns them into hidden states, a head into outputs.
struct seq_model {
    lattn_ctx *ctx;
    struct seq_config config;
    lattn_tokenizer *tokenizer;
    lattn_module *root, *embedding, *positions, *body, *decoder, *head;  // NULL: what is not there
    lattn_tensor *places;        // of sinusoidal and rotary positions; NULL
    lattn_rnn_state carried[2];  // of language models, from batch to batch: training, evaluation
    float label_smoothing;       // of the training loss
    const struct seq_writing *shown;  // what a training shows after each evaluation; NULL = nothing
    lattn_series_scale scale;         // of series
};

// Makes modules and weights for m->config. m->ctx must be there.
lattn_status seq_model_create(struct seq_model *m);
// A folder that train wrote: configuration, tokenizer, weights.
lattn_status seq_model_open(
    const char *dir, const char *device, uint64_t seed, struct seq_model *m);
void seq_model_close(struct seq_model *m);
lattn_status seq_model_save(struct seq_model *m, const char *dir);
lattn_status seq_model_load_weights(struct seq_model *m, const char *dir);
bool seq_is_recurrent(const struct seq_model *m);
// Tokens of a text that it has places for; 0 = any number.
int64_t seq_most_places(const struct seq_model *m);
// 0, or an exit code after a sentence.
int seq_check_length(const char *command, const struct seq_model *m, int seq_len);

// What a pass over a batch is given besides its tokens; all may be NULL.
struct seq_pass {
    lattn_tensor *lengths;   // i32 [B]
    lattn_rnn_state before;  // recurrent: the state to begin with
    lattn_rnn_state *after;  // recurrent: receives the state after the last step
    lattn_kv_cache *cache;   // transformers: keys and values of what came before
    lattn_tensor **weights;  // transformers: [num_layers], receive those of attention in itself,
    lattn_tensor **memory_weights;  // of a decoder to its memory
    bool causal;                    // transformers: a place sees what lies before it alone
};
// ids i32 [B, T] -> hidden states [B, T, hidden_size].
lattn_tensor *seq_model_hidden(
    lattn_ctx *ctx, struct seq_model *m, lattn_tensor *ids, const struct seq_pass *pass);
// The same without the table: x [B, T, embedding_size], tokens or numbers.
lattn_tensor *seq_model_body(
    lattn_ctx *ctx, struct seq_model *m, lattn_tensor *x, const struct seq_pass *pass);
// Of an encoder and a decoder: ids i32 [B, T] that the decoder reads, memory [B, S, hidden_size] -> hidden
// states [B, T, hidden_size]. lengths of the pass are those of memory.
lattn_tensor *seq_model_decode(lattn_ctx *ctx, struct seq_model *m, lattn_tensor *ids,
    lattn_tensor *memory, const struct seq_pass *pass);
// [..., hidden_size] -> [..., n_outputs].
lattn_tensor *seq_model_outputs(lattn_ctx *ctx, struct seq_model *m, lattn_tensor *hidden);
// Cross-entropy of y [..., n_outputs] for targets [N], of which those with ignore_index count as nothing; as
// logits [N, n_outputs], where they are asked for.
lattn_tensor *seq_choice_loss(lattn_ctx *ctx, struct seq_model *m, lattn_tensor *y,
    lattn_tensor *targets, int ignore_index, bool training, lattn_tensor **logits);
// The same from hidden states [..., hidden_size], where nobody asks for the logits: of a large vocabulary they are
// never all in memory.
lattn_tensor *seq_token_loss(lattn_ctx *ctx, struct seq_model *m, lattn_tensor *hidden,
    lattn_tensor *targets, int ignore_index, bool training);
// A state of zeros for B rows, that lives until it is freed.
lattn_status seq_state_create(struct seq_model *m, int64_t B, lattn_rnn_state *out);
void seq_state_free(lattn_rnn_state *state);

// ---- speaker.c ------------------------------------------------------------------------------------

// A language model as the writer sees it: one of this command's, or a GPT-2.
struct seq_speaker {
    lattn_ctx *ctx;
    lattn_tokenizer *tokenizer;
    struct seq_model *m;  // NULL: it is a GPT-2
    lattn_gpt2 *gpt2;
    int64_t n_outputs;  // logits of a token
    int64_t first;      // token that stands before the text; -1 = none does
    int64_t places;     // tokens of a text; 0 = any number
};
struct seq_speaker seq_speaker_of(struct seq_model *m);  // lent from m
bool seq_is_gpt2(const char *dir);
// A folder of Hugging Face. As transformers does it, nothing but an empty prompt has a token before it.
lattn_status seq_speaker_open_gpt2(
    const char *dir, const char *device, const char *prompt, struct seq_speaker *s);
void seq_speaker_close_gpt2(struct seq_speaker *s);
// Where it keeps what it has read, for one text of so many tokens: a state, or a cache.
lattn_status seq_speaker_remember(
    const struct seq_speaker *s, int64_t tokens, lattn_rnn_state *state, lattn_kv_cache **cache);
// Reads ids i32 [1, n]: logits [1, 1, n_outputs] of what follows.
lattn_tensor *seq_speaker_next(
    const struct seq_speaker *s, lattn_tensor *ids, int64_t n, const struct seq_pass *pass);

// ---- writer.c -------------------------------------------------------------------------------------

// How a language model goes on with a text.
struct seq_writing {
    const char *prompt;  // "" = from the beginning of a text
    int max_new_tokens;
    lattn_sampling sampling;
    int64_t draw;    // number of the first draw: texts of one seed differ by it
    bool over_ends;  // goes on where a text ends, in a new line
};
struct seq_text {
    char *text;  // [bytes], and a NUL behind it; the caller frees it
    size_t bytes;
    int64_t n_new;  // tokens that were added
};
// Writes prompt and what follows. The context must be in evaluation mode and record no gradients.
lattn_status seq_write(
    const struct seq_speaker *s, const struct seq_writing *w, struct seq_text *out);

// ---- data.c ---------------------------------------------------------------------------------------

enum seq_tokenizer { SEQ_CHARACTERS, SEQ_BPE, SEQ_WORDPIECE };
extern const char *const seq_tokenizers[];

// Options that say what the data is and how it is cut into batches.
struct seq_files {
    const char *train, *validation, *test;
    const char *text_column, *label_column, *target_column;
    struct cli_strs columns, targets;  // of series
    int horizon, season;
    bool no_labels;  // what is to be predicted is not in the files
    int tokenizer;   // enum seq_tokenizer, of a new model
    int64_t vocab_size;
    int min_frequency;
    float validation_split;  // percent of the training file, where there is no validation file
    int seq_len, batch_size, eval_batch_size, threads;
    uint64_t seed;
};

// One of the training, validation and test sets.
struct seq_set {
    lattn_dataset *data;
    lattn_range part;  // of a stream or a series; n 0 = all
    lattn_rows rows;   // of other data; n 0 = all
    lattn_loader *loader;
    lattn_source source;          // n_samples 0 = there is no such set
    double characters_per_token;  // language models
    float carry;                  // language models: 0 where the state begins anew
    bool recurrent;
    float *numbers;  // of a batch, as many as there is room for: what its task computes for it
    size_t n_numbers;
    void *user;     // the model, where a batch needs it
    bool training;  // batches are counted by what is learnt of them
};
struct seq_data {
    struct seq_set train, validation, test;
};
void seq_data_close(struct seq_data *d);

// Makes the tokenizer of a new model from the first percent of a text file.
lattn_status seq_tokenizer_build(const struct seq_files *f, double percent, lattn_tokenizer **out);
// Opens one of the sets; a path that is NULL is no set.
typedef lattn_status (*seq_open_fn)(
    struct seq_model *m, const struct seq_files *f, const char *path, struct seq_set *s);
// The sets of a task whose data are rows. Where there is no validation file, some rows of the training file
// become the validation set. A new model gets a tokenizer of the training rows, texts and their pairs, and its
// outputs are their labels, or else the tokens.
lattn_status seq_open_rows(struct seq_model *m, const struct seq_files *f, struct seq_data *d,
    seq_open_fn open_set, bool labels);
// Rows of a set.
int64_t seq_set_count(const struct seq_set *s);
// Which row of its dataset row i of a set is.
int64_t seq_set_row(const struct seq_set *s, int64_t i);
// What a loader of these rows is told.
lattn_loader_params seq_loader_of_rows(
    const struct seq_model *m, const struct seq_files *f, const struct seq_set *s, bool training);
// A batch of a loader of texts as fields input_ids [B, T] and lengths [B].
void seq_fields_of_texts(const lattn_batch *b, lattn_fields *out);
// Makes room for n numbers of a batch in s->numbers.
lattn_status seq_set_room(struct seq_set *s, size_t n);
// The batches of s->loader as next makes fields of them.
typedef lattn_status (*seq_next_fn)(void *set, lattn_fields *out);
lattn_source seq_source(struct seq_set *s, int64_t n_samples, seq_next_fn next);

// ---- plot.c ---------------------------------------------------------------------------------------

// Values at consecutive places; NaN: there is none.
struct seq_line {
    const double *values;
    int64_t first, n;   // place of the first one
    const char *style;  // "truth" or "forecast"
};
struct seq_panel {
    const char *title;
    const struct seq_line *lines;
    int n_lines;
};
// Panels below one another, the places along the same axis, as SVG.
lattn_status seq_plot(
    const char *path, const char *axis, const struct seq_panel *panels, int n_panels);

// ---- a kind of task -------------------------------------------------------------------------------

// What a task finds beside the library's figures; values has the task's own order.
struct seq_more {
    const struct seq_config *config;
    double *values;  // freed by who asked; NULL = nothing was found
};

// What predict is told beside the files.
struct seq_asked {
    const char *plot;  // file, or NULL
    int backtests;     // forecasts of the past
};

struct seq_task {
    const char *name;
    const char *rows;     // what the data consists of: "tokens"
    const char *counted;  // what figures are a mean over
    int model_type;       // of a new model that is told nothing else: enum seq_model_type,
    int tokenizer;        // enum seq_tokenizer
    bool transformers;    // it may have a transformer
    bool recurrent;       // and a recurrent network,
    bool both_ways;       // which reads in both directions
    bool decoder;         // a transformer has an encoder and a decoder
    // Opens the files that are named. In a new model it makes what comes from the training data, the
    // tokenizer and the sizes of m->config that follow from it.
    lattn_status (*open)(struct seq_model *m, const struct seq_files *f, struct seq_data *d);
    // Makes loader and source of an open set, and what they need of the model.
    lattn_status (*begin)(
        struct seq_model *m, const struct seq_files *f, struct seq_set *s, bool training);
    // Loss of a batch, and its outputs where logits is not NULL.
    lattn_tensor *(*loss)(lattn_ctx *ctx, struct seq_model *m, lattn_tensor *const *fields,
        lattn_tensor **logits, bool training);
    // Figures that the loss and the outputs of single batches do not give; NULL = none.
    lattn_status (*measure)(
        struct seq_model *m, const struct seq_files *f, struct seq_set *s, double **values);
    // Prints what the model says of an open set; NULL = there is no such thing.
    lattn_status (*predict)(struct seq_model *m, const struct seq_files *f, struct seq_set *s,
        const struct seq_asked *asked);
    // What else a model folder has; NULL = nothing.
    lattn_status (*save)(struct seq_model *m, const char *dir);
    lattn_status (*load)(struct seq_model *m, const char *dir);
    run_figures_fn figures;  // of metrics and a struct seq_more
    bool classes;            // the outputs are classes that accuracy is computed of
    bool series;             // numbers are read and forecast
    bool language;  // a language model: perplexity, bits per character, a state that is carried
};

extern const struct seq_task seq_task_lm, seq_task_classify, seq_task_pairs, seq_task_series,
    seq_task_tag;
extern const struct seq_task *const seq_tasks[];  // all of them; ends with NULL
extern const char *const seq_task_names[];        // in the same order

// A model and its task as the library's trainer sees them; set: the one that is evaluated.
lattn_task seq_trainer_task(struct seq_model *m, const struct seq_set *set);

#endif
