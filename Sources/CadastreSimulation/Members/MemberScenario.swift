internal import RaftCore

/// What is done to the members of a world.
struct MemberScenario {
    /// Nodes that were founded to join, and are nobody's members at first.
    var spares = 1
    /// The operator may wipe disks, one at a time.
    var wipes = true
    /// Disks that were wiped and replaced turn up again, and somebody puts them back for a while.
    var oldDisks = false
    /// From one thing that the operator wants to the next.
    var interval: ClosedRange<UInt64> = 20 * Span.millisecond...400 * Span.millisecond
    /// It waits so long for an answer before it asks elsewhere.
    var patience: ClosedRange<UInt64> = 200 * Span.millisecond...900 * Span.millisecond
    /// How often it asks for one step before it wants something else; not for what a wiped disk
    /// needs, which it sees through.
    var maximumAttempts = 12
}

extension Scenario {
    /// In half of the larger worlds the members change.
    ///
    /// Drawn from the seed by a chance of its own, so that the other worlds are what they were.
    mutating func drawMembers(seed: UInt64) {
        var chance = Chance(seed: seed ^ 0x6D65_6D62_6572_7321)
        guard nodes >= 3, weak.count == nodes, chance.oneIn(2) else { return }
        var members = MemberScenario()
        members.spares = 1 + chance.below(2)
        members.wipes = !chance.oneIn(3)
        if chance.oneIn(3) { members.interval = 1 * Span.millisecond...40 * Span.millisecond }
        self.members = members
        for _ in 0..<members.spares { clockRates.append(chance.draw(900...1_100)) }
        // A clock that lies is no minority among two voters.
        liar = nil
        faults.removeAll { $0 == .clockJump }
        if faults.isEmpty { faults = [.crash] }
        wallStarts = clockRates.map { _ in Self.start + chance.draw(0...5_000) }
        weak = Array(0..<places)
        faultTime += chance.draw(1 * Span.second...3 * Span.second)
        guard members.wipes, chance.oneIn(2) else { return }
        self.members?.oldDisks = true
        // A disk must be lost, replaced, and found, before faults end.
        self.members?.interval = 1 * Span.millisecond...40 * Span.millisecond
        faultTime += chance.draw(3 * Span.second...5 * Span.second)
    }

    /// In a quarter of the worlds that lose no disk one of the members is a witness.
    ///
    /// By a chance of its own, too. Of a write that a witness and one other acknowledged only that
    /// other keeps the commands: its disk may not be lost.
    mutating func drawWitness(seed: UInt64) {
        var chance = Chance(seed: ~seed)
        guard members?.wipes != true, nodes > 1, chance.oneIn(4) else { return }
        witness = chance.below(nodes)
    }

    /// All nodes that there are: the founding members, and those that may come in.
    var places: Int { nodes + (members?.spares ?? 0) }
}
