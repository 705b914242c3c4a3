package import CadastreProtocol
package import CadastreStorage
package import RaftCore

/// Entries as a leader makes them, one behind the other: each is a block of commands.
package struct EntryStream: Sendable {
    /// The newest entry's place and hash.
    private var index = LogIndex.zero
    private var hash = EntryHash.zero
    private let cluster: ClusterID

    /// Begins a log.
    package init(cluster: ClusterID) { self.cluster = cluster }

    /// The next entry, made of these commands.
    package mutating func next(_ commands: [CommandEnvelope]) -> Entry {
        var block = BlockBuilder()
        for command in commands {
            let isTaken = block.add(command.encode())
            precondition(isTaken, "the commands do not fit into one block")
        }
        return next(block.finish())
    }

    /// The next entry, made of this block.
    package mutating func next(_ block: Block) -> Entry {
        let previous = hash
        index = index.next
        let entry = Entry.make(
            cluster: cluster,
            group: .directory,
            position: LogPosition(index: index, term: Term(1)),
            kind: .commands,
            featureLevel: 1,
            now: 1_700_000_000_000 + index.value,
            random: (index.value, ~index.value),
            previousHash: previous,
            block: block
        )
        hash = entry.hash
        return entry
    }
}
