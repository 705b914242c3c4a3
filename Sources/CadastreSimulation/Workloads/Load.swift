internal import CadastreNode
internal import CadastreStorage

/// Worlds in which many clients ask for much, for long.
extension Scenario {
    /// From seed 1000 on, every eighth world is such a one.
    ///
    /// By the seed itself, so that whoever has little time can leave these worlds out; by a chance of
    /// its own, so that the other worlds are what they were. What a processor is spent on should be
    /// operations: so few objects are large, and snapshots are not made of every second block.
    mutating func drawLoad(seed: UInt64) {
        guard seed >= 1_000, seed.isMultiple(of: 8) else { return }
        var chance = Chance(seed: seed ^ 0x6C6F_6164_2121_2121)
        clients = 24 + chance.below(17)
        slots = chance.pick([4, 12])
        keys = 4 + chance.below(60)
        // At most some 4,000 or 16,000 requests in a second, however fast the cluster is: where a
        // world of a few seconds becomes a million requests, no other world is lived.
        let pause = chance.pick([1, 4]) * Span.millisecond * UInt64(clients * slots) / 8
        thinkTime = 20 * Span.microsecond...pause
        oneLargeIn = 1_000
        // A block of many commands must fit into a segment.
        let segmentSize = max(settings.journal.segmentSize, 256 * 1_024)
        settings.journal = JournalSettings(
            segmentSize: segmentSize,
            sliceSize: settings.journal.sliceSize
        )
        settings.maximumWaitingCommands = max(settings.maximumWaitingCommands, 256)
        settings.snapshotInterval = max(settings.snapshotInterval, 400_000)
        faultInterval = 400 * Span.millisecond...2_400 * Span.millisecond
        faultTime += chance.draw(3 * Span.second...5 * Span.second)
    }
}
