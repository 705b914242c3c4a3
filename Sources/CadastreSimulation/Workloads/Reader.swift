/// A client that only asks: it stays with a node for as long as that one answers, where one that also
/// writes soon waits for an answer to that.
extension Scenario {
    /// In half of the worlds there is one.
    ///
    /// By a chance of its own, so that the other worlds are what they were.
    mutating func drawReader(seed: UInt64) {
        var chance = Chance(seed: seed ^ 0x7265_6164_6572_2121)
        guard chance.oneIn(2) else { return }
        // Client 0 sets up and administers.
        reader = 1 + chance.below(clients)
    }
}
