/// What the answers themselves say about the order, held against real time: O(n log n), whatever the
/// history is.
///
/// An answer that was given at an index of the log has seen everything that had been answered at
/// that index or a lower one; so no later question may be answered at a lower one, and no later
/// change may have its entry there, or a lower place in the cluster's order. And no two changes have
/// one place.
enum Certificate {
    /// Two operations whose answers contradict real time.
    struct Contradiction {
        var earlier: Operation
        var later: Operation
        var reason: String
    }

    /// The first contradiction by the time at which it was to be seen; nil if there is none.
    static func contradiction(in operations: [Operation]) -> Contradiction? {
        let all = operations.filter { $0.index != nil || $0.sequence != nil }
        let byCall = all.indices.sorted { (all[$0].begin, $0) < (all[$1].begin, $1) }
        let byReturn = all.indices.sorted { one, other in
            (all[one].returnNanoseconds ?? .max, one)
                < (all[other].returnNanoseconds ?? .max, other)
        }
        var found: (time: UInt64, Contradiction)?
        func see(_ reason: String, _ earlier: Int, _ later: Int) {
            let ends = [earlier, later].map { all[$0].returnNanoseconds ?? .max }
            let time = ends.max() ?? .max
            guard found.map({ time < $0.time }) ?? true else { return }
            found = (
                time,
                Contradiction(earlier: all[earlier], later: all[later], reason: reason)
            )
        }
        var answered = 0
        var highestIndex: Int?
        var highestSequence: Int?
        for later in byCall {
            while answered < byReturn.count,
                let end = all[byReturn[answered]].returnNanoseconds, end < all[later].begin
            {
                let one = byReturn[answered]
                if all[one].index ?? 0 > highestIndex.flatMap({ all[$0].index }) ?? 0 {
                    highestIndex = one
                }
                if all[one].sequence ?? 0 > highestSequence.flatMap({ all[$0].sequence }) ?? 0 {
                    highestSequence = one
                }
                answered += 1
            }
            if let earlier = highestIndex, let floor = all[earlier].index,
                let index = all[later].index
            {
                if index < floor {
                    see("its answer is of index \(index), an older state", earlier, later)
                } else if index == floor, !all[later].isQuestion, all[later].outcome.isDone {
                    see("its entry is at index \(index), answered before", earlier, later)
                }
            }
            if let earlier = highestSequence, let floor = all[earlier].sequence,
                let sequence = all[later].sequence, sequence < floor
            {
                see("its place in the order, \(sequence), is before", earlier, later)
            }
        }
        let byPlace = all.indices.filter { all[$0].sequence != nil }.sorted { one, other in
            (all[one].sequence ?? 0, one) < (all[other].sequence ?? 0, other)
        }
        for (one, other) in zip(byPlace, byPlace.dropFirst())
        where all[one].sequence == all[other].sequence {
            see("both have one place in the cluster's order", one, other)
        }
        return found?.1
    }
}

extension Outcome {
    /// Whether it happened.
    fileprivate var isDone: Bool { if case .done = self { true } else { false } }
}
