/*
 * caas.h - the C interface of the caas core.
 *
 * The extension and the HTTP service use the core through this header alone;
 * the commands of the program caas include the C++ headers of src/core as well.
 * The core keeps no global state but its memory for secrets and, in each thread,
 * a hash of caas_user_uuid; it writes no log and calls no function of its callers.
 *
 * Rules that hold for every function here:
 *  - No exception leaves. Every failure is a caas_status; where an error
 *    argument is taken it may be NULL, and is filled on failure only.
 *  - caas_error is plain data. It never holds a key, plaintext or a byte of
 *    the caller's input, and owns no memory.
 *  - The caller allocates outputs. On failure the output is zeroed; there is
 *    no partial output.
 *  - Pointers are borrowed for the duration of the call. A pointer may be
 *    NULL where its length is 0.
 *  - An engine belongs to one thread of one process: make it after fork.
 *
 * The formats are those of docs/spec.md; section numbers refer to it.
 */
#ifndef CAAS_H
#define CAAS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CAAS_UUID_BYTES 16
#define CAAS_DIGEST_MAX_BYTES 64
#define CAAS_SHA256_BYTES 32
#define CAAS_POOL_TEXT_BYTES 256
#define CAAS_API_KEYS_MAX 64
#define CAAS_API_KEY_NAME_BYTES 65
#define CAAS_CONTEXT_MAX_BYTES 1024
#define CAAS_NAME_MAX_BYTES 1024
#define CAAS_SEALED_OVERHEAD 51
#define CAAS_SEAL_MAX_BYTES 0x7FFFFF00
#define CAAS_BLIND_INDEX_MIN_BYTES 4
#define CAAS_BLIND_INDEX_MAX_BYTES 32
#define CAAS_PASSWORD_TEXT_BYTES 192

typedef enum caas_status {
    CAAS_OK = 0,
    CAAS_ERR_ARGUMENT, /* a caller broke the contract of this file */
    CAAS_ERR_NO_MEMORY,
    CAAS_ERR_CRYPTO, /* OpenSSL reported a failure */
    CAAS_ERR_INTERNAL,
    CAAS_ERR_NO_KEYRING,          /* no keyring has been loaded */
    CAAS_ERR_KEYRING_FILE,        /* cannot be opened or read: os_error */
    CAAS_ERR_KEYRING_PERMISSIONS, /* wrong owner, or open to others */
    CAAS_ERR_KEYRING_SYNTAX,      /* line and reason say where and why */
    CAAS_ERR_KEYRING_ALGORITHM,   /* known, but not provided by this OpenSSL */
    CAAS_ERR_UNKNOWN_GENERATION,
    CAAS_ERR_TEXT,          /* not valid UTF-8, or holds U+0000 */
    CAAS_ERR_API_KEY_LIST,  /* reason says why */
    CAAS_ERR_CONTEXT,       /* a context of over 1024 bytes */
    CAAS_ERR_MALFORMED,     /* not a sealed value */
    CAAS_ERR_CANNOT_OPEN,   /* wrong user, context, commitment or tag; the status does not tell which */
    CAAS_ERR_PASSWORD_COST, /* outside the caps of section 8: algorithm names it */
    CAAS_ERR_NOT_ACTIVE,    /* a generation that is not the active one */
    CAAS_ERR_NAMESPACE,     /* a namespace that is not 1 to 1024 bytes */
    CAAS_ERR_USER_ID,       /* an id that is not 1 to 1024 bytes */
    CAAS_ERR_OUTPUT_SIZE,   /* the result does not fit: its length says how much room it needs */
    CAAS_ERR_UNICODE        /* ICU reported a failure */
} caas_status;

typedef struct caas_error {
    caas_status status;
    int line;              /* of the keyring file, 0 where it has no meaning */
    int os_error;          /* errno, 0 where it has no meaning */
    const char *reason;    /* static English text, or NULL */
    const char *algorithm; /* static name of an algorithm, or NULL */
} caas_error;

/* Warnings about a loaded keyring, a set of bits. */
enum {
    CAAS_WARN_WEAK_DIGEST = 1,      /* names hmac-md5, hmac-sha1 or hmac-ripemd160 */
    CAAS_WARN_PUBLISHED_SECRET = 2, /* holds the secret of the published vectors */
    CAAS_WARN_OPEN_LAST_LINE = 4    /* the last line is a generation's and lacks its LF: its end may be cut off */
};

typedef enum caas_form {
    CAAS_FORM_RAW, /* the digest's bytes */
    CAAS_FORM_HEX  /* hexadecimal text of either case */
} caas_form;

typedef struct caas_engine caas_engine;

/* --- library ---------------------------------------------------------- */

/* Static text: the version of this library, from caas.control. */
const char *caas_library_version(void);

/* Static text: the version of the OpenSSL in use. */
const char *caas_openssl_version(void);

/* 1 when the memory for secrets is locked and left out of core dumps, else 0. */
int caas_secrets_locked(void);

/* Overwrites len bytes at p. The compiler does not optimise this away. */
void caas_cleanse(void *p, size_t len);

/* --- engine ----------------------------------------------------------- */

/*
 * caas_engine_new makes an engine without a keyring. *out is NULL on failure.
 * Errors: CAAS_ERR_NO_MEMORY, CAAS_ERR_CRYPTO.
 */
caas_status caas_engine_new(caas_engine **out, caas_error *error);

/* caas_engine_free cleanses every secret and frees the engine; NULL is allowed. */
void caas_engine_free(caas_engine *engine);

/*
 * caas_engine_load reads the keyring file at path (section 2), checks owner and
 * permissions, and replaces the keyring of the engine. On any failure the
 * engine has no keyring afterwards: it fails closed.
 * Errors: CAAS_ERR_KEYRING_*, CAAS_ERR_NO_MEMORY, CAAS_ERR_CRYPTO.
 */
caas_status caas_engine_load(caas_engine *engine, const char *path, caas_error *error);

/* caas_engine_unload forgets and cleanses the keyring. */
void caas_engine_unload(caas_engine *engine);

typedef struct caas_keyring_info {
    int loaded;            /* 0 or 1; the rest is 0 when not loaded */
    int active;            /* number of the active generation */
    int count;             /* how many generations there are */
    int longest;           /* bytes of the longest digest that the active pool can give */
    uint64_t digest_sizes; /* of all generations' pools: bit n-1 is set when digests of n bytes exist */
    uint32_t fingerprint;  /* of the whole content, never 0; equal content, equal value */
    unsigned warnings;     /* set of CAAS_WARN_* */
    int64_t changed_usec;  /* the file's last change, microseconds since 1970 */
} caas_keyring_info;

/* caas_engine_keyring describes the loaded keyring. It cannot fail. */
void caas_engine_keyring(const caas_engine *engine, caas_keyring_info *out);

typedef struct caas_generation_info {
    int number;
    int active;                         /* 1 active, 0 retired */
    char created[21];                   /* RFC 3339, UTC */
    char check_value[17];               /* section 4 */
    char digests[CAAS_POOL_TEXT_BYTES]; /* names joined by commas, defaults written out */
    char ciphers[CAAS_POOL_TEXT_BYTES];
    char passwords[CAAS_POOL_TEXT_BYTES];
} caas_generation_info;

/*
 * caas_engine_generation describes one generation; index counts from 0, highest
 * number first. The description holds no secret.
 * Errors: CAAS_ERR_NO_KEYRING, CAAS_ERR_ARGUMENT, CAAS_ERR_CRYPTO.
 */
caas_status caas_engine_generation(caas_engine *engine, int index, caas_generation_info *out, caas_error *error);

/* caas_engine_generation_number is the number alone, or 0 when there is no such index. */
int caas_engine_generation_number(const caas_engine *engine, int index);

/* --- digest (section 5) ------------------------------------------------ */

/*
 * caas_digest computes the digest of data for a user. generation 0 means the
 * active one. out receives *out_len bytes, at most CAAS_DIGEST_MAX_BYTES.
 * Errors: CAAS_ERR_NO_KEYRING, CAAS_ERR_UNKNOWN_GENERATION, CAAS_ERR_CRYPTO.
 */
caas_status caas_digest(caas_engine *engine, const uint8_t uuid[CAAS_UUID_BYTES], int generation, const void *data,
                        size_t data_len, uint8_t out[CAAS_DIGEST_MAX_BYTES], size_t *out_len, caas_error *error);

/*
 * caas_verify compares a stored digest with that of data, in constant time,
 * under the active generation and then the retired ones, newest first.
 * *generation receives the one that matched, or 0. A stored value of another
 * length or shape is not equal, which is no error.
 * Errors: CAAS_ERR_NO_KEYRING, CAAS_ERR_CRYPTO.
 */
caas_status caas_verify(caas_engine *engine, const uint8_t uuid[CAAS_UUID_BYTES], const void *data, size_t data_len,
                        const void *stored, size_t stored_len, caas_form form, int *generation, caas_error *error);

/*
 * caas_digest_size returns the size in bytes of the digest that the value can
 * be by its shape, or 0: as many bytes, or hexadecimal digits of either case,
 * as an algorithm of this library makes. It needs no keyring.
 */
size_t caas_digest_size(const void *value, size_t len, caas_form form);

typedef struct caas_profile_info {
    int generation;
    const char *algorithm; /* static name, section 3 */
    int salt_length;       /* bytes */
    int digest_length;
} caas_profile_info;

/*
 * caas_profile describes what a UUID selects under a generation (0: the active
 * one). It never gives the key or the salt. Errors: those of caas_digest.
 */
caas_status caas_profile(caas_engine *engine, const uint8_t uuid[CAAS_UUID_BYTES], int generation,
                         caas_profile_info *out, caas_error *error);

/* --- sealed values (section 6) ------------------------------------------ */

/*
 * caas_seal seals data for a user and a context under the active generation.
 * data_len is at most CAAS_SEAL_MAX_BYTES. out receives data_len +
 * CAAS_SEALED_OVERHEAD bytes and may not overlap data.
 * Errors: CAAS_ERR_NO_KEYRING, CAAS_ERR_CONTEXT, CAAS_ERR_ARGUMENT,
 * CAAS_ERR_CRYPTO.
 */
caas_status caas_seal(caas_engine *engine, const uint8_t uuid[CAAS_UUID_BYTES], const void *context, size_t context_len,
                      const void *data, size_t data_len, uint8_t *out, caas_error *error);

/*
 * caas_open opens a value that caas_seal made for the same user and context.
 * out has room for sealed_len bytes, may not overlap sealed, and receives
 * *out_len bytes, CAAS_SEALED_OVERHEAD fewer. It is zeroed unless the value is
 * authentic.
 * Errors: CAAS_ERR_NO_KEYRING, CAAS_ERR_CONTEXT, CAAS_ERR_MALFORMED,
 * CAAS_ERR_UNKNOWN_GENERATION, CAAS_ERR_CANNOT_OPEN, CAAS_ERR_CRYPTO.
 */
caas_status caas_open(caas_engine *engine, const uint8_t uuid[CAAS_UUID_BYTES], const void *context, size_t context_len,
                      const void *sealed, size_t sealed_len, uint8_t *out, size_t *out_len, caas_error *error);

/*
 * caas_reseal opens a value of an older generation than the active one and seals
 * it under that, with a nonce that is derived from user, context and old value:
 * equal arguments give equal bytes. A value of the active generation or of a
 * higher number is copied and not opened. generation is the active one, or 0 for
 * it. out receives sealed_len bytes and may not overlap sealed.
 * Errors: CAAS_ERR_NOT_ACTIVE, those of caas_open.
 */
caas_status caas_reseal(caas_engine *engine, const uint8_t uuid[CAAS_UUID_BYTES], int generation, const void *context,
                        size_t context_len, const void *sealed, size_t sealed_len, uint8_t *out, caas_error *error);

typedef struct caas_sealed_info {
    int format;
    int generation;
    size_t data_len; /* bytes of the plaintext */
} caas_sealed_info;

/* caas_sealed_describe reads the head of a sealed value; it needs no key. Errors: CAAS_ERR_MALFORMED. */
caas_status caas_sealed_describe(const void *sealed, size_t sealed_len, caas_sealed_info *out);

/* --- blind index (section 7) --------------------------------------------- */

/*
 * caas_engine_index_generation lists the keys under which blind indexes are
 * searched for. *generation receives the number of one generation for each
 * distinct index key: the active generation for index 0, then others, newest
 * first, and 0 when there are no more. There are at most as many as generations.
 * Errors: CAAS_ERR_NO_KEYRING, CAAS_ERR_ARGUMENT, CAAS_ERR_NO_MEMORY, CAAS_ERR_CRYPTO.
 */
caas_status caas_engine_index_generation(caas_engine *engine, int index, int *generation, caas_error *error);

/*
 * caas_blind_index computes out_len bytes, CAAS_BLIND_INDEX_MIN_BYTES to
 * CAAS_BLIND_INDEX_MAX_BYTES, under a generation (0: the active one).
 * Errors: CAAS_ERR_NO_KEYRING, CAAS_ERR_UNKNOWN_GENERATION, CAAS_ERR_CONTEXT,
 * CAAS_ERR_ARGUMENT, CAAS_ERR_CRYPTO.
 */
caas_status caas_blind_index(caas_engine *engine, int generation, const void *context, size_t context_len,
                             const void *data, size_t data_len, uint8_t *out, size_t out_len, caas_error *error);

typedef enum caas_normalization {
    CAAS_NORMALIZE_NONE,     /* the text as it is */
    CAAS_NORMALIZE_CASEFOLD, /* without case, variants of form, and blanks at the ends */
    CAAS_NORMALIZE_DIGITS    /* the decimal digits alone, as those of ASCII */
} caas_normalization;

/* caas_normalization_parse reads a name, "none", "casefold" or "digits": 1, or 0 for another text. */
int caas_normalization_parse(const char *name, size_t len, caas_normalization *out);

/*
 * caas_normalize normalises a text, whose blind index is then that of the result.
 * out has room for out_size bytes and may not overlap text. *out_len receives the
 * length of the result also when it does not fit: CAAS_ERR_OUTPUT_SIZE, and the
 * caller calls again with that room. text_len bytes are enough for a text of
 * ASCII, for "none" and "digits", and for most other texts. *out_len is 0 when
 * nothing remains: such a text has no blind index.
 * Errors: CAAS_ERR_TEXT, CAAS_ERR_OUTPUT_SIZE, CAAS_ERR_NO_MEMORY, CAAS_ERR_UNICODE.
 */
caas_status caas_normalize(caas_normalization normalization, const void *text, size_t text_len, void *out,
                           size_t out_size, size_t *out_len, caas_error *error);

/* --- passwords (section 8) ------------------------------------------------ */

typedef struct caas_password_costs {
    uint32_t scrypt_ln, scrypt_p;          /* 10 to 18, 1 to 16, p * 2^ln at most 2^19; r is 8 */
    uint32_t argon2_m, argon2_t, argon2_p; /* m in KiB: 8p to 262144, 1 to 16, 1 to 16, m * t at most 2^20 */
    uint32_t pbkdf2_i;                     /* 10,000 to 10,000,000 */
} caas_password_costs;

/* The default costs, those of section 8. */
#define CAAS_PASSWORD_COSTS \
    { 15, 3, 19456, 2, 1, 220000 }

/*
 * caas_password_hash writes the text to store and a terminator, at most
 * CAAS_PASSWORD_TEXT_BYTES. Slow and memory-hard by design.
 * Errors: CAAS_ERR_NO_KEYRING, CAAS_ERR_PASSWORD_COST, CAAS_ERR_CRYPTO.
 */
caas_status caas_password_hash(caas_engine *engine, const uint8_t uuid[CAAS_UUID_BYTES], const void *password,
                               size_t password_len, const caas_password_costs *costs,
                               char out[CAAS_PASSWORD_TEXT_BYTES], caas_error *error);

/*
 * caas_password_verify sets *match to 1 when the password is the stored one,
 * else to 0. A text of another shape or with a cost outside the caps never
 * matches, and costs no slow work.
 * Errors: CAAS_ERR_NO_KEYRING, CAAS_ERR_UNKNOWN_GENERATION, CAAS_ERR_CRYPTO.
 */
caas_status caas_password_verify(caas_engine *engine, const uint8_t uuid[CAAS_UUID_BYTES], const void *password,
                                 size_t password_len, const char *stored, size_t stored_len, int *match,
                                 caas_error *error);

/*
 * caas_password_outdated sets *outdated to 1 when the stored hash is not of the
 * active generation, its algorithm is not in the active pool or its cost is
 * below the wanted one, and for a text of another shape. Errors:
 * CAAS_ERR_NO_KEYRING.
 */
caas_status caas_password_outdated(caas_engine *engine, const char *stored, size_t stored_len,
                                   const caas_password_costs *costs, int *outdated, caas_error *error);

/* --- text --------------------------------------------------------------- */

/* caas_hex_encode writes 2 * len lower-case digits, without a terminator. */
void caas_hex_encode(const void *data, size_t len, char *out);

/* caas_text_check is CAAS_OK for valid UTF-8 (RFC 3629) without U+0000, else CAAS_ERR_TEXT. */
caas_status caas_text_check(const void *text, size_t len);

/* caas_uuid_parse reads RFC 9562's text form, hexadecimal digits of either case: 1, or 0 with out zeroed. */
int caas_uuid_parse(const char *text, size_t len, uint8_t out[CAAS_UUID_BYTES]);

/*
 * caas_user_uuid makes the UUID of a user whose id is not a UUID (section 12): an
 * id, which is a text or an integer in decimal, within a namespace such as
 * "users". Both are UTF-8 of 1 to CAAS_NAME_MAX_BYTES. It needs no key, and a
 * UUID is no secret.
 * Errors: CAAS_ERR_NAMESPACE, CAAS_ERR_USER_ID, CAAS_ERR_TEXT, CAAS_ERR_CRYPTO.
 */
caas_status caas_user_uuid(const void *name_space, size_t name_space_len, const void *id, size_t id_len,
                           uint8_t out[CAAS_UUID_BYTES], caas_error *error);

/* --- API keys ----------------------------------------------------------- */

/* caas_api_key_digest is SHA-256 of the key's bytes. Errors: CAAS_ERR_CRYPTO. */
caas_status caas_api_key_digest(const void *key, size_t key_len, uint8_t out[CAAS_SHA256_BYTES]);

typedef struct caas_api_key_list {
    int count;
    uint8_t digests[CAAS_API_KEYS_MAX][CAAS_SHA256_BYTES];
    char names[CAAS_API_KEYS_MAX][CAAS_API_KEY_NAME_BYTES]; /* empty where the entry has no name */
} caas_api_key_list;

/*
 * caas_api_key_list_parse reads a comma list of [name:]sha256, 64 hex digits
 * each; blanks around entries are allowed; an empty text is an empty list.
 * Errors: CAAS_ERR_API_KEY_LIST with the number of the entry in error->line.
 */
caas_status caas_api_key_list_parse(const char *text, caas_api_key_list *out, caas_error *error);

/*
 * caas_api_key_find compares with every entry, each in constant time: the index
 * of the first that is equal, or -1.
 */
int caas_api_key_find(const caas_api_key_list *list, const uint8_t digest[CAAS_SHA256_BYTES]);

#ifdef __cplusplus
}
#endif

#endif
