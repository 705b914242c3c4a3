package import CadastreProtocol

extension Applier {
    /// Moves cluster time to the median of the voters' clocks, forward only and by no more than the
    /// limit, and closes sessions that were silent for too long.
    ///
    /// The samples must come from a quorum of voters, each once and ascending: so neither a single
    /// clock nor a leader alone decides what time it is. The first tick of a cluster sets the time.
    func apply(_ command: Tick) throws(StateMachineError) -> Reply {
        guard isQuorum(command.samples.map(\.node)),
            let median = command.median, median <= StateLimits.maximumClusterTime
        else { return .refused(.clockRefused) }
        let last = rows.system.clusterTime
        let furthest = last == 0 ? median : last + StateLimits.maximumTickMilliseconds
        let time = min(median, furthest)
        guard time > last else { return .done() }
        rows.system.clusterTime = time
        let sequence = nextSequence()
        if last == 0 {
            try noteAllSeen()
        } else {
            try closeSilentSessions()
        }
        return .done(sequence: sequence)
    }

    /// Whether these nodes, ascending and each once, are voters and enough of them.
    ///
    /// Before the first configuration any node counts.
    private func isQuorum(_ nodes: [UInt64]) -> Bool {
        guard !nodes.isEmpty, nodes.count <= ProtocolLimits.maximumClockSamples,
            zip(nodes, nodes.dropFirst()).allSatisfy({ $0 < $1 })
        else { return false }
        let system = rows.system
        guard !system.voters.isEmpty else { return true }
        let known = nodes.allSatisfy {
            system.voters.contains($0) || system.outgoingVoters.contains($0)
        }
        return known
            && [system.voters, system.outgoingVoters].allSatisfy { voters in
                voters.isEmpty || nodes.count(where: voters.contains) * 2 > voters.count
            }
    }
}

extension Tick {
    /// The middle of the clocks; of two in the middle the earlier.
    ///
    /// Nil if there are none.
    package var median: UInt64? {
        guard !samples.isEmpty else { return nil }
        return samples.map(\.wallMilliseconds).sorted()[(samples.count - 1) / 2]
    }
}
