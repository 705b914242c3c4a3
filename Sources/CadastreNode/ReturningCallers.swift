/// Whether those who were just answered are worth waiting for: callers that send one command behind the
/// other come back at once, and a block costs the same for all of them as for the first.
///
/// Who such callers are is learned from what comes: of those who come when they like, some come though
/// nobody is missing, and some that are missing do not. Where answers follow closely the latter are not
/// told from those who came in their place, and then such callers are waited for as well.
struct ReturningCallers: Sendable {
    /// How many were answered and have not come back.
    private var missing = 0
    /// When they are given up; monotonic.
    private(set) var end: UInt64 = 0
    /// Above 0 where hardly one in ``strangeness`` came or stayed away against expectation.
    private var familiarity = 0

    /// One against expectation counts as much as so many as expected.
    private static let strangeness = 8
    private static let maximumFamiliarity = 128
    /// Of so many that wait one more is not waited for.
    private static let patience = 8

    /// So many were answered; if they and those who are missing come back, they do so until `end`.
    mutating func answered(_ count: Int, until end: UInt64, at moment: UInt64) {
        guard count > 0 else { return }
        giveUp(at: moment)
        missing += count
        self.end = end
    }

    /// So many asked.
    mutating func came(_ count: Int, at moment: UInt64) {
        giveUp(at: moment)
        let expected = min(missing, count)
        missing -= expected
        learn(expected: expected, unexpected: count - expected)
    }

    private mutating func giveUp(at moment: UInt64) {
        guard missing > 0, moment >= end else { return }
        learn(expected: 0, unexpected: missing)
        missing = 0
    }

    private mutating func learn(expected: Int, unexpected: Int) {
        let maximum = Self.maximumFamiliarity
        let strange = min(unexpected, maximum) * Self.strangeness
        familiarity = min(maximum, max(-maximum, familiarity + min(expected, maximum) - strange))
    }

    /// Whether so many that wait should wait for those who are missing.
    func areAwaited(by waiting: Int, at moment: UInt64) -> Bool {
        familiarity > 0 && missing * Self.patience > waiting && moment < end
    }
}
