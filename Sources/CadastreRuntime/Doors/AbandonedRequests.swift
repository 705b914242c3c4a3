internal import CadastreNode

/// Requests that nobody waits for any more and that the stages still work on: their client has hung
/// up, or was told that their deadline has passed.
///
/// They keep their charge until a stage lets go of them, or hanging up would be a way to ask for
/// more than one's share.
struct AbandonedRequests {
    /// What a request was charged.
    struct Charge: Hashable {
        /// To whom.
        let share: Share
        /// How many bytes.
        let size: Int
    }

    private var charges: [RequestKey: (charge: Charge, until: UInt64)] = [:]
    /// No charge ends before this.
    private var earliest = UInt64.max

    /// How many there are.
    var count: Int { charges.count }

    /// Keeps a charge until a stage answers, but not beyond a moment.
    mutating func add(_ key: RequestKey, _ charge: Charge, until: UInt64) {
        charges[key] = (charge, until)
        earliest = min(earliest, until)
    }

    /// A stage has answered.
    ///
    /// - Returns: What to give back; nil if the request was none of these.
    mutating func remove(_ key: RequestKey) -> Charge? {
        charges.removeValue(forKey: key)?.charge
    }

    /// Takes away what no stage will let go of.
    ///
    /// Cost: O(1) unless a charge may end.
    mutating func removeLate(at now: UInt64) -> [Charge] {
        guard earliest < now else { return [] }
        let late = charges.filter { $0.value.until < now }
        for key in late.keys { charges[key] = nil }
        earliest = charges.values.reduce(.max) { min($0, $1.until) }
        return late.values.map(\.charge)
    }
}
