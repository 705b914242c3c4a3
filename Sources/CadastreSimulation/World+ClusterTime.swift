internal import CadastreNode
internal import RaftCore

/// Cluster time goes on while a majority is well: what expires by it must expire.
extension World {
    /// Time goes on under faults.
    ///
    /// Not beside a clock that lies: with it, a node that is away leaves no majority of honest clocks.
    func requireTimeUnderFaults() throws(Violation) {
        guard scenario.liar == nil else { return }
        let every = scenario.settings.tickWithWork
        try requireTime(within: timePatience(tickingEvery: every))
    }

    /// Time goes on in a cluster that was well for long enough.
    func requireTimeWhenWell() throws(Violation) {
        let every = scenario.settings.tickWhenIdle
        if quietLeader != nil, isLongQuiet {
            return try requireTime(within: twice(every))
        }
        // Who stood still when the faults ended may do so for 2 s more. Beside a clock that lies a node
        // that is away, since its journal is mended, leaves no majority of honest clocks.
        let since = scenario.liar == nil ? healingSince : max(healingSince, lastStart)
        guard now >= since + timePatience(tickingEvery: every) + 2 * Span.second,
            scenario.liar == nil || members.allSatisfy(\.isListening)
        else { return }
        try requireTime(within: timePatience(tickingEvery: every))
    }

    /// The patience is in true nanoseconds.
    private func requireTime(within patience: UInt64) throws(Violation) {
        let fastest = scenario.clockRates.max() ?? 1_000
        let honest = members.filter { $0.place != scenario.liar }
        try clusterClock.keepsUp(
            model.clusterTime,
            honest: honest.map { $0.moment(at: now).wall },
            patience: patience / Span.millisecond * fastest / 1_000
        )
    }

    /// A majority that is well has a leader, and that one sees to a Tick twice, in true time.
    private func timePatience(tickingEvery interval: UInt64) -> UInt64 {
        scenario.availabilityPatience + twice(interval)
    }

    /// Two of these on the slowest clock, in true time.
    private func twice(_ interval: UInt64) -> UInt64 {
        2 * interval * 1_000 / (scenario.clockRates.min() ?? 1_000)
    }
}
