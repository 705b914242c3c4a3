internal import CadastreNode
internal import CadastreStateMachine
internal import CadastreStorage
internal import RaftCore

/// What one seed decides before the world begins: how many nodes, how they are set, how bad the
/// world is and what the clients want.
struct Scenario {
    /// Nodes; all vote.
    var nodes = 3
    /// The same on all nodes.
    var settings = NodeSettings()
    /// Of each node's clock, in thousandths of true time.
    var clockRates: [UInt64] = []
    /// Of each node's wall clock, milliseconds ahead of 2026 at the beginning of time.
    var wallStarts: [UInt64] = []
    /// The links.
    var quality = SimulatedNetwork.Quality()
    /// A sync of the journal takes so long.
    var syncTime: ClosedRange<UInt64> = 50 * Span.microsecond...500 * Span.microsecond
    /// A turn of the apply stage takes so long.
    var applyTime: ClosedRange<UInt64> = 10 * Span.microsecond...200 * Span.microsecond
    /// A hand-over between stages takes so long.
    var handOver: ClosedRange<UInt64> = 1 * Span.microsecond...50 * Span.microsecond
    /// The faults that happen.
    var faults: [FaultKind] = []
    /// From one to the next.
    var faultInterval: ClosedRange<UInt64> = 100 * Span.millisecond...600 * Span.millisecond
    /// How long faults go on.
    var faultTime: UInt64 = 2 * Span.second
    /// Tenants, each with buckets.
    var tenants = 2
    /// Buckets of each tenant.
    var buckets = 2
    /// Keys in each bucket.
    var keys = 6
    /// Clients beside the one that sets up.
    var clients = 3
    /// Requests that each client has on the way.
    var slots = 2
    /// Between a reply and the next request.
    var thinkTime: ClosedRange<UInt64> = 1 * Span.millisecond...40 * Span.millisecond
    /// A client waits so long before it asks elsewhere.
    var patience: ClosedRange<UInt64> = 150 * Span.millisecond...900 * Span.millisecond
    /// Requests given up, of a thousand that were not answered in time.
    var abandonPerMille = 60

    /// The wall clock's beginning of time, milliseconds since 1970.
    private static let start: UInt64 = 1_790_000_000_000

    /// Draws a scenario.
    init(_ chance: inout Chance, seed: UInt64) {
        if chance.oneIn(5) { nodes = 5 }
        drawSettings(&chance)
        let isDrifting = chance.oneIn(2)
        for _ in 0..<nodes {
            clockRates.append(isDrifting ? chance.draw(500...2_000) : chance.draw(990...1_010))
            wallStarts.append(Self.start + chance.draw(0...5_000))
        }
        // One clock may be years away: the median of the voters is not.
        if chance.oneIn(3) {
            let year: UInt64 = 31_557_600_000
            wallStarts[chance.below(nodes)] = Self.start - 10 * year + chance.draw(0...20 * year)
        }
        drawNetwork(&chance)
        drawFaults(&chance)
        // Decided by the seed itself, so that worlds from before this fault existed stay the same.
        if seed.isMultiple(of: 5) { faults.append(.fullDisk) }
        clients = 2 + chance.below(3)
        slots = 1 + chance.below(3)
        keys = 2 + chance.below(7)
        if chance.oneIn(8) { syncTime = 1 * Span.millisecond...30 * Span.millisecond }
        if chance.oneIn(8) { applyTime = 1 * Span.millisecond...20 * Span.millisecond }
    }

    private mutating func drawSettings(_ chance: inout Chance) {
        let isCoarse = chance.oneIn(2)
        settings.tickMilliseconds = isCoarse ? 20 : 10
        settings.timing =
            isCoarse
            ? Timing(heartbeatTicks: 3, minimumElectionTicks: 15, maximumElectionTicks: 30)
            : .standard
        settings.journal = JournalSettings(
            segmentSize: chance.pick([32, 64, 64, 128, 256]) * 1_024,
            sliceSize: chance.pick([4, 16, 64]) * 1_024
        )
        settings.stateMachine = StateMachineSettings(
            maximumDirtyRows: chance.pick([1, 8, 64, 4_096]),
            maximumDirtyBytes: chance.pick([4_096, 65_536, 8 << 20]),
            checkpointSizeBytes: chance.pick([16_384, 131_072, 32 << 20]),
            cacheSizeBytes: chance.pick([256 << 10, 2 << 20])
        )
        settings.entryCacheSize = chance.pick([0, 2_048, 65_536, 16 << 20])
        settings.maximumWaitingCommands = chance.pick([2, 64, 16_384])
        settings.maximumUnsyncedBlocks = chance.pick([1, 2, 8])
    }

    private mutating func drawNetwork(_ chance: inout Chance) {
        quality.lossPerMille = chance.pick([0, 0, 10, 50, 150])
        quality.duplicatePerMille = chance.pick([0, 10, 100])
        quality.delay = chance.pick([
            100 * Span.microsecond...300 * Span.microsecond,
            1 * Span.millisecond...10 * Span.millisecond,
            100 * Span.microsecond...25 * Span.millisecond,
        ])
    }

    private mutating func drawFaults(_ chance: inout Chance) {
        for kind in FaultKind.allCases where kind != .fullDisk && chance.oneIn(2) {
            faults.append(kind)
        }
        if faults.isEmpty { faults = [.crash] }
        faultTime = chance.draw(1_200 * Span.millisecond...3 * Span.second)
    }
}
