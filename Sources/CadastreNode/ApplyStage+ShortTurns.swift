internal import CadastreProtocol
internal import CadastreStateMachine
internal import CadastreStorage

/// Turns that may be done by a thread that has other duties (Decision 0021).
extension ApplyStage {
    /// The most operations in a short turn.
    private static var maximumShortOperations: Int { 64 }
    /// The most bytes of commands in a short turn.
    private static var maximumShortSize: Int { 65_536 }

    /// Whether a turn over these events takes well under a millisecond while what they need is in
    /// memory: one entry of few operations on objects, decoded already, and point reads.
    ///
    /// One entry only, since a second one would first store what the first one owes; and nothing that
    /// waits here, which the entry may make ready. Never where a COMMIT or a checkpoint may come with
    /// it.
    ///
    /// Cost: O(commands), at most 64 of them.
    package func isShort(_ events: [ApplyEvent]) -> Bool {
        guard events.count <= Self.maximumShortOperations, queries.isEmpty, digests.isEmpty,
            !mustFollowUp
        else { return false }
        var operations = 0
        var hasEntry = false
        for event in events {
            switch event {
            case .entries(let entries):
                guard !hasEntry, entries.count == 1, let count = shortOperations(of: entries[0])
                else { return false }
                hasEntry = true
                operations += count
            case .query(let query, _):
                guard case .getObject = query.query else { return false }
                operations += 1
            case .digest, .forget, .beginImage, .endImage, .install, .resume: return false
            }
        }
        return operations <= Self.maximumShortOperations
    }

    /// How many operations an entry has; nil if it may take longer than they do.
    private func shortOperations(of committed: CommittedEntry) -> Int? {
        guard let commands = committed.commands, commands.count <= Self.maximumShortOperations,
            committed.entry.rawSize <= Self.maximumShortSize
        else { return nil }
        var operations = 0
        for place in commands.indices {
            switch commands[place].tag {
            case .putObject, .deleteObject, .batch: break
            // It may close sessions, which is written at once and behind all that is being stored.
            case .tick where !stateMachine.isStoring: break
            default: return nil
            }
            operations += max(1, commands[place].operations)
        }
        return operations
    }

    /// Whether ``followUp(at:into:)`` has something to store: a COMMIT and a checkpoint may come with
    /// it, which take up to a tenth of a second.
    package var mustFollowUp: Bool { owesStoring && stateMachine.hasToStore }
}
