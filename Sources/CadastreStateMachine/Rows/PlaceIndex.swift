/// Finds numbers by the hash of a place: open addressing, with what the number stands for compared by
/// the caller.
///
/// It knows nothing of the places, and depends on hashes that differ between processes: it is never
/// iterated but to grow.
struct PlaceIndex {
    /// Under the low bits of a hash, or the next that was free: the hash, and the number + 1.
    ///
    /// 0 is free. As many as a power of two, at most half of them in use.
    private var entries: [UInt64] = []
    /// How many numbers are in it.
    private(set) var count = 0

    /// The slot of the number under this hash that is the one.
    @inline(__always)
    func slot(under hash: UInt32, where isIt: (UInt32) -> Bool) -> Int? {
        guard !entries.isEmpty else { return nil }
        let mask = entries.count - 1
        var slot = Int(hash) & mask
        while entries[slot] != 0 {
            let entry = entries[slot]
            if UInt32(truncatingIfNeeded: entry >> 32) == hash, isIt(Self.number(in: entry)) {
                return slot
            }
            slot = (slot + 1) & mask
        }
        return nil
    }

    /// The number in a slot.
    @inline(__always)
    subscript(slot: Int) -> UInt32 { Self.number(in: entries[slot]) }

    @inline(__always)
    private static func number(in entry: UInt64) -> UInt32 {
        UInt32(truncatingIfNeeded: entry) - 1
    }

    /// Adds a number that is not there, below 2^32 - 1.
    mutating func add(_ number: UInt32, under hash: UInt32) {
        if 2 * (count + 1) > entries.count { grow() }
        enter(UInt64(hash) << 32 | UInt64(number + 1))
        count += 1
    }

    /// Frees a slot, and moves up what stands behind it for want of a better place.
    mutating func remove(_ freed: Int) {
        let mask = entries.count - 1
        var hole = freed
        var slot = (freed + 1) & mask
        while entries[slot] != 0 {
            let wanted = Int(entries[slot] >> 32) & mask
            // Whether the hole is between where it would stand and where it stands.
            if (slot - wanted) & mask >= (slot - hole) & mask {
                entries[hole] = entries[slot]
                hole = slot
            }
            slot = (slot + 1) & mask
        }
        entries[hole] = 0
        count -= 1
    }

    /// Forgets everything, and keeps the memory for what comes.
    mutating func removeAll() {
        for slot in entries.indices { entries[slot] = 0 }
        count = 0
    }

    private mutating func enter(_ entry: UInt64) {
        let mask = entries.count - 1
        var slot = Int(entry >> 32) & mask
        while entries[slot] != 0 { slot = (slot + 1) & mask }
        entries[slot] = entry
    }

    private mutating func grow() {
        let old = entries
        entries = [UInt64](repeating: 0, count: max(64, 2 * old.count))
        for entry in old where entry != 0 { enter(entry) }
    }
}
