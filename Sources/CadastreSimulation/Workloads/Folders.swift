/// Worlds whose keys fill a folder: who lists in groups jumps over many keys at once, and must land on
/// the next one.
extension Scenario {
    /// In a sixth of the worlds.
    ///
    /// By a chance of its own, so that the other worlds are what they were.
    mutating func drawFolders(seed: UInt64) {
        var chance = Chance(seed: seed ^ 0x666F_6C64_6572_7321)
        guard chance.oneIn(6) else { return }
        isFoldered = true
        keys = 14 + chance.below(20)
        // Many of them must be there.
        thinkTime = 200 * Span.microsecond...15 * Span.millisecond
    }

    /// The key with this number, from 0.
    ///
    /// In a folder `a/` all but the first few: these stand before it, and at once behind it.
    func keyName(_ number: Int) -> [UInt8] {
        guard isFoldered else { return Array("key-\(number)".utf8) }
        let beside = ["a0", "a", "b"]
        return Array((beside.indices.contains(number) ? beside[number] : "a/\(number)").utf8)
    }

    /// What some of the keys begin with.
    var keyPrefix: [UInt8] { Array((isFoldered ? "a/1" : "key-1").utf8) }
}
