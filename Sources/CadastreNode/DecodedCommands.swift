internal import CadastreProtocol
internal import CadastreStorage
internal import DequeModule
internal import RaftCore

/// Commands of entries that came from a leader: decoded once to be checked, and kept until they are
/// executed.
///
/// What does not fit is forgotten, and decoded again from the entry.
struct DecodedCommands: Sendable {
    private var entries: Deque<(position: LogPosition, commands: [CommandEnvelope], size: Int)> = []
    /// Taken, and not yet executed.
    private var taken: Deque<(index: LogIndex, size: Int)> = []
    /// Of both.
    private var size = 0

    /// Bytes of commands kept, as they lie in their entries before these are compressed: some
    /// hundred blocks of small commands.
    ///
    /// Where puts, which keep their entry's memory, come with others, which copy what they hold, it is
    /// up to twice as much.
    static let maximumSize = 4 << 20

    /// Bytes that an operation counts at least.
    private static let operationSize = 128

    /// Keeps the commands of an entry that Raft took; those of its index and behind are superseded.
    mutating func keep(_ commands: [CommandEnvelope], of entry: Entry) {
        while let last = entries.last, last.position.index >= entry.position.index {
            size -= last.size
            entries.removeLast()
        }
        // A batch of removals is many times its bytes.
        let operations = commands.reduce(0) { $0 + $1.operations }
        let added = max(entry.rawSize, operations * Self.operationSize)
        guard !commands.isEmpty, size + added <= Self.maximumSize else { return }
        entries.append((entry.position, commands, added))
        size += added
    }

    /// The commands of an entry that is about to be executed, if they are kept; those before it are
    /// forgotten.
    mutating func take(_ entry: Entry) -> [CommandEnvelope]? {
        while let first = entries.first, first.position.index <= entry.position.index {
            entries.removeFirst()
            if first.position == entry.position {
                taken.append((first.position.index, first.size))
                return first.commands
            }
            size -= first.size
        }
        return nil
    }

    /// Everything through here is executed.
    mutating func applied(through index: LogIndex) {
        while let first = taken.first, first.index <= index {
            size -= first.size
            taken.removeFirst()
        }
    }
}
