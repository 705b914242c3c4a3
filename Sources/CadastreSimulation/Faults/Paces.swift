internal import CadastreNode
internal import CadastreStateMachine

/// What takes long in a world in which disks do not hurry: more happens between the beginning of
/// something and its end.
struct Paces {
    /// A turn of the journal that reads takes so much longer; nil where reads are as quick as syncs.
    var readTime: ClosedRange<UInt64>?
    /// A turn of the snapshot stage takes so long; nil where it is as quick as one of the apply stage.
    var snapshotTime: ClosedRange<UInt64>?
    /// A slow disk takes at most so long for a turn of the journal.
    var slowest: UInt64 = 800 * Span.millisecond
}

extension Scenario {
    /// In a third of the worlds in which service need not go on some things take long.
    ///
    /// By a chance of its own, as ``drawMembers(seed:)``.
    mutating func drawPaces(seed: UInt64) {
        var chance = Chance(seed: seed ^ 0x7061_6365_7321_2121)
        guard weak.count == places, chance.oneIn(3) else { return }
        if chance.oneIn(2) { paces.readTime = 1 * Span.millisecond...100 * Span.millisecond }
        if chance.oneIn(2) { paces.snapshotTime = 100 * Span.microsecond...10 * Span.millisecond }
        // An election timeout passes by, and with it a leadership.
        if chance.oneIn(2) { paces.slowest = 3 * Span.second }
        if chance.oneIn(2) {
            // Writes do not wait for whoever copies an image.
            settings.stateMachine.maximumImageLogBytes = 16_384
            settings.stateMachine.checkpointSizeBytes = 16_384
        }
    }
}
