/**
 * Where things lie in the memory that an engine shares with its kernels: scratch, the descriptors of the packets of one call,
 * expanded keys, the arena. The generator of the kernels reads the same constants.
 */

/** 256 bytes that are always zero. */
export const ZEROS = 0
/** Key stream of the first pass over a packet, 256 bytes. */
export const STREAM = 256
/** Key stream of a last, partial pass, 256 bytes. */
export const TAIL = 512
/** What else a kernel remembers between its functions, up to {@link DESCRIPTORS}. */
export const WORK = 768
/** Where the AES kernel is given a packet key and a header key to expand, one after the other. */
export const KEYS = 976

/** First byte of the descriptors: what the columns of a batch say, packet by packet. */
export const DESCRIPTORS = 2048
/** Bytes of a descriptor. */
export const DESCRIPTOR_BYTES = 32
/** Descriptors, and so packets of one call. */
export const DESCRIPTOR_COUNT = 64
/** Offsets in a descriptor: four words, and a double. */
export const DESCRIPTOR = { start: 0, numberOffset: 4, end: 8, status: 12, packetNumber: 16, stream: 24 } as const

/** First byte of the expanded keys. */
export const CONTEXTS: number = DESCRIPTORS + DESCRIPTOR_COUNT * DESCRIPTOR_BYTES
/** Bytes for the expanded keys of one protector. */
export const CONTEXT_BYTES = 6144
/** Protectors whose expanded keys are kept; those of others are made anew when they are used. */
export const CONTEXT_COUNT = 64
/** End of the expanded keys. */
export const CONTEXTS_END: number = CONTEXTS + CONTEXT_COUNT * CONTEXT_BYTES

/** A context of ChaCha20-Poly1305: key, IV with four zeros, header key. */
export const CHACHA_CONTEXT = { key: 0, iv: 32, headerKey: 48 } as const
/**
 * A context of AES-GCM: round keys, bit by bit (15 × 128 bytes); those of the header key; tables of four powers of the hash key;
 * IV with four zeros; number of rounds.
 */
export const AES_CONTEXT = { key: 0, headerKey: 1920, tables: 3840, iv: 5888, rounds: 5904 } as const

/** Bytes that kernels may read, but not write, behind the arena. */
export const READ_BEYOND = 64
