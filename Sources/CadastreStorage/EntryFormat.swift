internal import RaftCore

// One entry, byte by byte. Identical on all nodes, in every journal and on the wire; the journal's
// own envelope (SegmentFormat.swift) is never sent. All numbers are little-endian.
//
//  offset width
//       0     2  format version: 1
//       2     1  kind: 1 commands, 2 no-op, 3 configuration
//       3     1  number of sections: 1…255 for commands, 0 for a no-op, 1 for a configuration
//       4     4  feature level of the cluster when the entry was made
//       8    16  cluster: upper half, lower half
//      24     4  group
//      28     4  size of the whole entry
//      32     8  index, 1 or more
//      40     8  term, 1 or more
//      48     8  now: the leader's wall clock, milliseconds since 1970
//      56    16  random bytes for everything in the state that must vary, as two words
//      72    32  hash: SHA-256(hash of the entry before ‖ bytes 0..<72 ‖ bytes 104...);
//                32 zero bytes stand for the entry before the first
//     104        sections, one after the other:
//
//       0     8  tenant; 0 for commands of several
//       8     1  codec: 0 raw, 1 LZ4, 2 LZ4 with a dictionary
//       9     1  reserved: 0
//      10     2  dictionary: its number with codec 2, else 0
//      12     4  key that the stored bytes are encrypted under; 0 for none, and nothing else yet
//      16     4  number of items, 1 or more
//      20     4  raw size: bytes after decryption and decompression
//      24     4  stored size
//      28        stored bytes
//
// Raw bytes of a section of commands: for each item its size in 4 bytes, then its bytes. Raw bytes
// of a configuration: see ConfigurationFormat.swift; codec 0, one item.
//
// Codec 0: stored size = raw size. Codec 1 and 2: stored size < raw size ≤ 255 × stored size. Items
// and raw sizes of all sections together are within BlockLimits. Nothing follows the last section.
enum EntryFormat {
    static let version: UInt16 = 1
    static let headerSize = 104
    static let sectionHeaderSize = 28
    static let hashOffset = 72

    static let kindCommands: UInt8 = 1
    static let kindNoOp: UInt8 = 2
    static let kindConfiguration: UInt8 = 3

    /// The number of a kind.
    static func number(of kind: EntryKind) -> UInt8 {
        switch kind {
        case .commands: kindCommands
        case .noOp: kindNoOp
        case .configuration: kindConfiguration
        }
    }
}

/// How the bytes of a section are stored.
///
/// Raw values are stored and never reused.
package enum Codec: UInt8, Hashable, Sendable, CaseIterable {
    /// As they are.
    case raw = 0
    /// LZ4 block.
    case lz4 = 1
    /// LZ4 block against a shipped dictionary.
    case lz4WithDictionary = 2
}

/// The bounds of a block of commands, each with its reason.
///
/// The door and the leader keep the first four; every decoder keeps the last two.
package enum BlockLimits {
    /// Raw bytes at which a block closes: more would make the others wait for one large entry.
    package static let blockSize = 256 * 1_024
    /// Operations at which a block closes: what the state machine may do in one go.
    package static let blockOperations = 512
    /// Bytes of one command, which then has a block of its own: the protocol's 4 MiB, and room for
    /// the envelope around it.
    package static let commandSize = 4 * 1_024 * 1_024 + 32 * 1_024
    /// Operations of one command.
    package static let commandOperations = 1_000
    /// Items in all sections of an entry: every command is at least one operation.
    package static let entryItems = blockOperations
    /// Raw bytes of all sections of an entry: the largest command and its size.
    package static let entryRawSize = commandSize + 4
    /// Commands from which on plain LZ4 does better than LZ4 with the dictionary.
    package static let plainCompressionItems = 16
}
