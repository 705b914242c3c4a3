internal import CadastreDisk
internal import CadastreStateMachine
internal import RaftCore

/// What a process that could not keep its state leaves for the next one: the file `state/mark`.
///
/// | offset | width | meaning |
/// |---|---|---|
/// | 0 | 8 | `CADMARK1` |
/// | 8 | 1 | ``Stage-swift.enum`` |
/// | 9 | 7 | 0 |
/// | 16 | 8 | the first entry at which the state differed from a leader's; 0: it did not |
/// | 24 | 8 | the last at which it was equal before; 0: not known |
/// | 32 | 4 | bytes of the words |
/// | 36 | n | what happened, for people: UTF-8 |
/// | 36+n | 4 | CRC32C of all before |
///
/// Little-endian. A file that is none says that something happened, and not what.
struct StateMark: Hashable {
    /// What is to be done, and what was.
    enum Stage: UInt8 {
        /// The next start sets the database aside and rebuilds it.
        case open = 1
        /// It was rebuilt because it differed, and was not found equal since.
        case rebuilt = 2
        /// It differed, was rebuilt and differed again: no start helps.
        case final = 3
        /// As ``open``, and the disk alone is at fault: where there is nothing to rebuild it from, a
        /// database that can be read after all is kept.
        case unread = 4
    }

    var stage: Stage
    /// The first entry at which the state differed from a leader's; zero if it did not.
    var firstDifferent = LogIndex.zero
    /// The last at which it was equal before; zero if that is not known.
    var lastEqual = LogIndex.zero
    /// What happened, for people.
    var words: String

    /// Whether the state differed from a leader's, and that is not settled.
    var isOfDivergence: Bool { firstDifferent > .zero }

    private static let magic = Array("CADMARK1".utf8)
    private static let headSize = 36
    private static let maximumWords = 4_096
    static let maximumSize = headSize + maximumWords + 4

    /// The bytes of the file.
    func encode() -> [UInt8] {
        var bytes = Self.magic + [stage.rawValue] + [UInt8](repeating: 0, count: 7)
        let text = Array(words.utf8.prefix(Self.maximumWords))
        Self.append(firstDifferent.value, width: 8, to: &bytes)
        Self.append(lastEqual.value, width: 8, to: &bytes)
        Self.append(UInt64(text.count), width: 4, to: &bytes)
        bytes += text
        Self.append(UInt64(Checksum.crc32c(bytes)), width: 4, to: &bytes)
        return bytes
    }

    /// Reads the bytes; nil where they are not such a file, whole.
    static func decode(_ bytes: [UInt8]) -> StateMark? {
        guard bytes.count >= headSize + 4, Array(bytes[0..<8]) == magic,
            let stage = Stage(rawValue: bytes[8]), bytes[9..<16].allSatisfy({ $0 == 0 })
        else { return nil }
        let end = bytes.count - 4
        guard word(bytes, at: 32, width: 4) == UInt64(end - headSize),
            word(bytes, at: end, width: 4) == UInt64(Checksum.crc32c(Array(bytes[..<end])))
        else { return nil }
        return StateMark(
            stage: stage,
            firstDifferent: LogIndex(word(bytes, at: 16, width: 8)),
            lastEqual: LogIndex(word(bytes, at: 24, width: 8)),
            words: String(decoding: bytes[headSize..<end], as: UTF8.self)
        )
    }

    /// What a state machine's failure leaves, where an earlier one left `earlier`; nil where another
    /// start may go on as it is.
    init?(of error: StateMachineError, behind earlier: StateMark?) {
        stage = .open
        words = error.advice
        if let earlier, earlier.isOfDivergence {
            firstDifferent = earlier.firstDifferent
            lastEqual = earlier.lastEqual
        }
        switch error {
        case .damaged: break
        case .terminal(let cause) where cause.isUnreadable: stage = .unread
        case .diverged(let divergence):
            // Found equal since, it would be gone.
            if let earlier, earlier.isOfDivergence, earlier.stage != .open {
                stage = .final
            } else {
                firstDifferent = divergence.first.index
                lastEqual = divergence.lastEqual?.index ?? .zero
            }
        case .sqlite, .mustReapply, .terminal, .unreadableEntry, .inUse, .foreign,
            .unknownSchema, .unusableImage, .imageFailed:
            return nil
        }
    }

    init(stage: Stage, words: String) {
        self.stage = stage
        self.words = words
    }

    private init(stage: Stage, firstDifferent: LogIndex, lastEqual: LogIndex, words: String) {
        self.init(stage: stage, words: words)
        self.firstDifferent = firstDifferent
        self.lastEqual = lastEqual
    }

    private static func append(_ value: UInt64, width: Int, to bytes: inout [UInt8]) {
        for place in 0..<width { bytes.append(UInt8(truncatingIfNeeded: value >> (8 * place))) }
    }

    private static func word(_ bytes: [UInt8], at offset: Int, width: Int) -> UInt64 {
        (0..<width).reduce(0) { $0 | UInt64(bytes[offset + $1]) << (8 * $1) }
    }
}

/// Where a node keeps its ``StateMark``.
struct StateMarkFile: Sendable {
    /// The folder of the state.
    let directory: String
    let disk: any Disk

    static let name = "mark"

    var path: String { "\(directory)/\(Self.name)" }

    /// What an earlier process left; nil if nothing.
    func read() throws(DiskError) -> StateMark? {
        guard try disk.exists(path) else { return nil }
        var mark: StateMark?
        // What fails twice is a sector, and no accident.
        for _ in 0..<2 {
            do throws(DiskError) {
                let bytes = try disk.readWhole(path, maximumSize: StateMark.maximumSize)
                mark = StateMark.decode(bytes)
                break
            } catch {
                guard error.isUnreadable || error.code == DiskError.tooLarge else { throw error }
            }
        }
        return mark
            ?? StateMark(
                stage: .open,
                words: "\(path) cannot be read, and says that it is not well"
            )
    }

    /// Leaves a mark, durably.
    func write(_ mark: StateMark) throws(DiskError) {
        try disk.replace(Self.name, in: directory, with: mark.encode())
    }

    /// Takes it away, durably.
    func remove() throws(DiskError) {
        guard try disk.exists(path) else { return }
        try disk.remove(path)
        try disk.syncDirectory(directory)
    }
}
