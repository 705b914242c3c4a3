internal import DequeModule
internal import RaftCore

/// Where the replies of proposed commands go, until their place in the log is decided.
///
/// A block proposed here stays open whatever becomes of this node's leadership: its entry may
/// still be committed by a later leader, even after it was truncated here. Only a commit decides: at
/// its index the same term answers it, another refuses it, as does a later term before its index.
struct BlocksInFlight: Sendable {
    private struct Block: Sendable {
        var position: LogPosition
        var keys: [RequestKey?]
        /// When it was proposed; monotonic.
        var proposed: UInt64

        /// Commands for which somebody waits: a tick is none.
        var count: Int { keys.count { $0 != nil } }
    }

    /// Blocks in this node's log, ascending by index.
    private var blocks: Deque<Block> = []
    /// Blocks that were committed here and are not known to be applied yet: index and commands.
    private var unanswered: Deque<(index: LogIndex, count: Int)> = []
    /// Commands in blocks that are not committed, or not known to be applied.
    private(set) var commandCount = 0
    /// How long the last block that was committed here was on its way, in nanoseconds; nil: none was.
    private(set) var commitTime: UInt64?
    /// When the last block was proposed; monotonic.
    private(set) var lastProposed: UInt64 = 0
    /// Blocks that were truncated here and may live on elsewhere.
    ///
    /// Rare and few.
    private var superseded: [Block] = []

    /// Remembers a block that was just proposed at the end of the log.
    mutating func add(_ position: LogPosition, keys: [RequestKey?], at now: UInt64) {
        blocks.append(Block(position: position, keys: keys, proposed: now))
        commandCount += blocks[blocks.count - 1].count
        lastProposed = now
    }

    /// This node's log lost everything from `index` on; the blocks there stay open.
    mutating func supersede(from index: LogIndex) {
        while let last = blocks.last, last.position.index >= index {
            superseded.append(last)
            blocks.removeLast()
            commandCount -= last.count
        }
    }

    /// What became of the blocks at these indices cannot be known here, or not soon: nobody waits
    /// for them any more.
    ///
    /// - Returns: The keys of their commands.
    mutating func forget(_ indices: some RangeExpression<LogIndex>) -> [RequestKey] {
        func isForgotten(_ block: Block) -> Bool { indices.contains(block.position.index) }
        let forgotten = blocks.filter(isForgotten) + superseded.filter(isForgotten)
        blocks.removeAll(where: isForgotten)
        superseded.removeAll(where: isForgotten)
        unanswered.removeAll()
        commandCount = blocks.reduce(0) { $0 + $1.count }
        return forgotten.flatMap(\.keys).compactMap(\.self)
    }

    /// Everything through here is applied, and so answered.
    ///
    /// - Returns: How many commands that is.
    mutating func applied(through index: LogIndex) -> Int {
        var answered = 0
        while let first = unanswered.first, first.index <= index {
            answered += first.count
            unanswered.removeFirst()
        }
        commandCount -= answered
        return answered
    }

    /// The entry at `position` is known to be committed now.
    ///
    /// - Returns: The keys of its commands, if it was proposed here.
    mutating func decide(
        _ position: LogPosition,
        at now: UInt64,
        refused: inout [RequestKey]
    ) -> [RequestKey?] {
        var keys: [RequestKey?] = []
        while let first = blocks.first, first.position.index <= position.index {
            if first.position == position {
                keys = first.keys
                commitTime = now - min(now, first.proposed)
                unanswered.append((position.index, first.count))
            } else {
                refused.append(contentsOf: first.keys.compactMap(\.self))
                commandCount -= first.count
            }
            blocks.removeFirst()
        }
        guard !superseded.isEmpty else { return keys }
        superseded.removeAll { block in
            if block.position == position {
                keys = block.keys
                return true
            }
            // Terms only grow along a log: nothing of an earlier one follows what is committed.
            guard block.position.index <= position.index || block.position.term < position.term
            else { return false }
            refused.append(contentsOf: block.keys.compactMap(\.self))
            return true
        }
        return keys
    }
}
