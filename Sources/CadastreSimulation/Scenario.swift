internal import CadastreNode
internal import CadastreStateMachine
internal import CadastreStorage
internal import RaftCore

/// What one seed decides before the world begins: how many nodes, how they are set, how bad the
/// world is and what the clients want.
struct Scenario {
    /// Founding members; all vote.
    var nodes = 3
    /// The one that keeps no state, if there is one.
    var witness: Int?
    /// The same on all nodes.
    var settings = NodeSettings()
    /// Of each node's clock, in thousandths of true time.
    var clockRates: [UInt64] = []
    /// Of each node's wall clock, milliseconds ahead of 2026 at the beginning of time.
    var wallStarts: [UInt64] = []
    /// The one voter whose wall clock may show anything; nil where all are honest.
    var liar: Int?
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
    /// Whom they may strike: all, or a minority for as long as they go on.
    var weak: [Int] = []
    /// From one to the next.
    var faultInterval: ClosedRange<UInt64> = 60 * Span.millisecond...360 * Span.millisecond
    /// How long faults go on.
    var faultTime: UInt64 = 2 * Span.second
    /// Tenants, each with buckets.
    var tenants = 2
    /// Buckets of each tenant that are there from the beginning; one more comes and goes.
    var buckets = 2
    /// Keys in each bucket.
    var keys = 6
    /// Most keys lie in one folder, and some beside it.
    var isFoldered = false
    /// Clients beside the one that sets up.
    var clients = 3
    /// The client that only asks, if there is one.
    var reader: Int?
    /// Requests that each client has on the way.
    var slots = 2
    /// Between a reply and the next request.
    var thinkTime: ClosedRange<UInt64> = 1 * Span.millisecond...60 * Span.millisecond
    /// A client waits so long before it asks elsewhere.
    var patience: ClosedRange<UInt64> = 150 * Span.millisecond...900 * Span.millisecond
    /// What is done to the members; nil where they stay what they were founded as.
    var members: MemberScenario?
    /// What rots on disks; nil where what was synced stays what it was.
    var rot: DiskRot?
    /// What takes long.
    var paces = Paces()
    /// One object of so many is large.
    var oneLargeIn = 40
    /// More is lost than can be survived: only safety is demanded.
    var isBeyond = false
    /// Requests given up, of a thousand that were not answered in time.
    var abandonPerMille = 60

    /// The wall clock's beginning of time, milliseconds since 1970.
    static let start: UInt64 = 1_790_000_000_000
    private static let year: UInt64 = 31_557_600_000

    /// Draws a scenario.
    init(_ chance: inout Chance) {
        nodes = chance.pick([1, 3, 3, 3, 3, 3, 3, 3, 3, 5, 5, 5])
        let isSparing = nodes > 1 && chance.oneIn(6)
        drawSettings(&chance, isSparing: isSparing)
        drawClocks(&chance, isSparing: isSparing)
        drawNetwork(&chance, isSparing: isSparing)
        drawFaults(&chance, isSparing: isSparing)
        clients = 2 + chance.below(3)
        slots = 1 + chance.below(2)
        keys = 2 + chance.below(5)
        guard !isSparing else { return }
        if chance.oneIn(8) { syncTime = 1 * Span.millisecond...30 * Span.millisecond }
        if chance.oneIn(8) { applyTime = 1 * Span.millisecond...20 * Span.millisecond }
    }

    private mutating func drawSettings(_ chance: inout Chance, isSparing: Bool) {
        let isCoarse = !chance.oneIn(3)
        settings.tickMilliseconds = isCoarse ? 20 : 10
        settings.timing =
            isCoarse
            ? Timing(heartbeatTicks: 3, minimumElectionTicks: 15, maximumElectionTicks: 30)
            : .standard
        if isSparing {
            // Quick, so that there is much to see of a service that must go on.
            settings.timing = Timing(
                heartbeatTicks: 2,
                minimumElectionTicks: 8,
                maximumElectionTicks: 16
            )
            patience = 50 * Span.millisecond...300 * Span.millisecond
        }
        settings.journal = JournalSettings(
            segmentSize: chance.pick([32, 32, 64, 64, 128, 256]) * 1_024,
            sliceSize: chance.pick([4, 16, 64]) * 1_024
        )
        settings.stateMachine = StateMachineSettings(
            maximumDirtyRows: chance.pick([1, 8, 64, 4_096]),
            maximumDirtyBytes: chance.pick([4_096, 65_536, 8 << 20]),
            checkpointSizeBytes: chance.pick([16_384, 131_072, 32 << 20]),
            cacheSizeBytes: chance.pick([256 << 10, 2 << 20])
        )
        // Few rows, so that there are some that are not remembered any more.
        settings.stateMachine.rememberedBytes = settings.stateMachine.cacheSizeBytes / 256
        settings.entryCacheSize = chance.pick([0, 2_048, 65_536, 16 << 20])
        settings.maximumWaitingCommands = chance.pick([2, 64, 16_384])
        settings.maximumUnsyncedBlocks = chance.pick([1, 2, 8])
        settings.gatherTime = 0
        settings.digestInterval = chance.pick([1, 5, 1_024])
        // Both are to be met: logs that are compacted all the time, and those that never are.
        settings.snapshotInterval = chance.pick([2_000, 10_000, 256 << 20, 256 << 20])
        settings.snapshotChunkSize = chance.pick([4_096, 16_384])
        settings.snapshotRate = chance.pick([200_000, 64 << 20])
        settings.maximumRowsPerTurn = chance.pick([2, 50, 32_768])
        settings.maximumVerifiedPerTurn = chance.pick([1, 3, 8_192])
        // Both are to be met: growth that is refused in time, and a disk that is full at once.
        settings.diskReserve = isCoarse ? 0 : 200_000
    }

    private mutating func drawClocks(_ chance: inout Chance, isSparing: Bool) {
        let isDrifting = !isSparing && chance.oneIn(2)
        for _ in 0..<nodes {
            clockRates.append(isDrifting ? chance.draw(500...2_000) : chance.draw(990...1_010))
            wallStarts.append(Self.start + chance.draw(0...5_000))
        }
        // One clock may show anything: the median of the voters does not.
        guard chance.oneIn(2) else { return }
        let place = chance.below(nodes)
        liar = place
        guard nodes > 1, chance.oneIn(2) else { return }
        wallStarts[place] = Self.start - 10 * Self.year + chance.draw(0...20 * Self.year)
    }

    private mutating func drawNetwork(_ chance: inout Chance, isSparing: Bool) {
        quality.lossPerMille = chance.pick(isSparing ? [0, 0, 10, 50] : [0, 0, 10, 50, 150])
        quality.duplicatePerMille = chance.pick([0, 10, 100])
        quality.delay = chance.pick([
            100 * Span.microsecond...300 * Span.microsecond,
            1 * Span.millisecond...10 * Span.millisecond,
            100 * Span.microsecond...25 * Span.millisecond,
        ])
    }

    private mutating func drawFaults(_ chance: inout Chance, isSparing: Bool) {
        let possible = FaultKind.allCases.filter { kind in
            (!isSparing || kind.strikesOne) && (nodes > 1 || !kind.needsOthers)
                && !FaultKind.shapes.contains(kind) && (kind != .clockJump || liar != nil)
        }
        for kind in possible where chance.oneIn(2) { faults.append(kind) }
        if faults.isEmpty { faults = [.crash] }
        guard isSparing else {
            weak = Array(0..<nodes)
            faultTime = chance.draw(1 * Span.second...2 * Span.second)
            return
        }
        let first = chance.below(nodes)
        let count = 1 + (nodes > 3 ? chance.below(2) : 0)
        weak = (0..<count).map { (first + $0) % nodes }
        faultTime =
            availabilityPatience + chance.draw(500 * Span.millisecond...1_500 * Span.millisecond)
    }

    /// In half of the worlds with several nodes links are worse still, and break in more shapes.
    ///
    /// By a chance of its own, so that the other worlds are what they were.
    mutating func drawLinks(seed: UInt64) {
        var chance = Chance(seed: seed ^ 0x6C69_6E6B_7321_2121)
        guard nodes > 1, chance.oneIn(2) else { return }
        quality.duplicatePerMille = chance.pick([quality.duplicatePerMille, 500])
        quality.replayPerMille = chance.pick([0, 20, 300])
        guard weak.count == places else {
            // What a leader said that is gone keeps its followers from choosing another one; service
            // must go on here before it has been said again for seconds.
            quality.replayDelay = 20 * Span.millisecond...100 * Span.millisecond
            return
        }
        if chance.oneIn(4) { quality.lossPerMille = 300 }
        for kind in FaultKind.shapes where nodes > 2 && chance.oneIn(2) { faults.append(kind) }
    }

    /// In half of the worlds what waits is held back, in half of those wherever the nodes are.
    ///
    /// By a chance of its own, so that the other worlds are what they were.
    mutating func drawGathering(seed: UInt64) {
        var chance = Chance(seed: seed ^ 0x6761_7468_6572_2121)
        settings.gatherTime = chance.pick([0, 0, 4, 1_000]) * Span.millisecond
    }

    /// Bytes of a large object: several of them may stand in one block, which must fit into a
    /// segment.
    var largeSize: Int { min(16_000, settings.journal.segmentSize / 8) }

    // MARK: What may be expected of such a world

    /// The longest election timeout of the slowest clock, in true nanoseconds.
    var electionTimeout: UInt64 {
        let own = settings.timing.maximumElectionTicks * settings.tickMilliseconds
        return UInt64(own) * Span.millisecond * 1_000 / (clockRates.min() ?? 1_000)
    }

    /// A majority that is well commits something within three election timeouts, once the clients
    /// have found its leader.
    ///
    /// Where one of them is a witness, it may have to lead before the other can.
    var availabilityPatience: UInt64 {
        (witness == nil ? 3 : 6) * electionTimeout + 2 * patience.upperBound
    }
}
