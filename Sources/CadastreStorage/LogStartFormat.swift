internal import RaftCore

// What stands before the first entry of a log, byte by byte; little-endian.
//
//  offset width
//       0     8  index of the last entry before; 0 for none
//       8     8  its term; 0 for none
//      16    32  its hash; 0 for none
//      48        the configuration in force there, as in ConfigurationFormat.swift, to the end;
//                nothing for none
enum LogStartFormat {
    private static let headerSize = 48

    /// Bytes of a start.
    static func size(of start: LogStart) -> Int {
        headerSize + (start.configuration.map(ConfigurationFormat.size) ?? 0)
    }

    /// Adds the bytes of a start.
    ///
    /// Traps on a configuration that no door should have let in.
    static func append(_ start: LogStart, to bytes: inout [UInt8]) {
        bytes.append(littleEndian: start.position.index.value)
        bytes.append(littleEndian: start.position.term.value)
        bytes.append(words: start.hash.words)
        if let configuration = start.configuration {
            bytes += ConfigurationFormat.encode(configuration)
        }
    }

    /// The start that these bytes are, and no others.
    /// - Throws: `malformedEntry` for anything that `append` would not have made.
    static func decode(_ slice: ArraySlice<UInt8>) throws(StorageError) -> LogStart {
        let bytes = Array(slice)
        guard bytes.count >= headerSize else {
            throw .malformedEntry(reason: "the start of a log ends too early")
        }
        let index = bytes.load(UInt64.self, at: 0)
        let term = bytes.load(UInt64.self, at: 8)
        let words = bytes.loadWords(at: 16)
        let hash = EntryHash(words.0, words.1, words.2, words.3)
        if index == 0 && term == 0 && hash == .zero && bytes.count == headerSize {
            return .beginning
        }
        guard (1...Limits.maximumTerm).contains(index), (1...Limits.maximumTerm).contains(term)
        else { throw .malformedEntry(reason: "a log that begins behind \(index)@\(term)") }
        return LogStart(
            position: LogPosition(index: LogIndex(index), term: Term(term)),
            hash: hash,
            configuration: bytes.count == headerSize
                ? nil : try ConfigurationFormat.decode(bytes[headerSize...])
        )
    }
}
