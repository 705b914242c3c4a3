/// L1 and L3 while faults go on: where a majority of nodes has been well, and well connected, for
/// long enough, entries are committed and clients answered, be the leader one of them or not.
///
/// Who is not of that majority may do what it wants meanwhile.
package struct Availability {
    /// How long a majority may be well and commit nothing, in nanoseconds.
    private let patience: UInt64
    private let quorum: Int
    /// Since when each node has been well; nil while it is not.
    private var wellSince: [UInt64?]
    /// Since when nothing is cut from one to the other; nil while something is.
    private var linkedSince: [[UInt64?]]
    private var lastCommit: UInt64 = 0
    /// When the first command after the last commit came to each node; nil where none did.
    private var askedSince: [UInt64?]
    private var lastAnswer: UInt64 = 0
    private var nextLook: UInt64
    /// How often the patience was spent on a well majority beside at least one node that was not:
    /// else nothing was checked.
    package private(set) var served = 0
    private var servedAt: UInt64 = 0

    /// All are well.
    package init(nodes: Int, patience: UInt64) {
        self.patience = patience
        nextLook = patience
        quorum = nodes / 2 + 1
        wellSince = Array(repeating: 0, count: nodes)
        askedSince = Array(repeating: nil, count: nodes)
        linkedSince = Array(repeating: Array(repeating: 0, count: nodes), count: nodes)
    }

    /// An entry was committed for the first time.
    package mutating func commits(at now: UInt64) {
        lastCommit = now
        for place in askedSince.indices { askedSince[place] = nil }
    }

    /// A command came to a node.
    package mutating func asks(_ place: Int, at now: UInt64) {
        if askedSince[place] == nil { askedSince[place] = now }
    }

    /// A client got what it asked for.
    package mutating func answers(at now: UInt64) { lastAnswer = now }

    /// How a node is.
    package mutating func sees(_ place: Int, isWell: Bool, at now: UInt64) {
        wellSince[place] = isWell ? wellSince[place] ?? now : nil
    }

    /// How a direction of a link is.
    package mutating func sees(from: Int, to: Int, isCut: Bool, at now: UInt64) {
        linkedSince[from][to] = isCut ? nil : linkedSince[from][to] ?? now
    }

    /// Looks at the clock, if a sixteenth of the patience has gone by since it did.
    ///
    /// - Returns: Whether it did, and a majority was well for the whole patience.
    /// - Throws: If one was, and nothing was committed or answered.
    @discardableResult
    package mutating func check(at now: UInt64) throws(Violation) -> Bool {
        guard now >= nextLook else { return false }
        nextLook = now + patience / 16
        let start = now - patience
        guard let core = core(since: start) else { return false }
        // Clients with bad luck ask the others only; reads show then that there is service.
        let isAsked = core.contains { place in
            askedSince[place].map { $0 <= now - patience / 2 } ?? false
        }
        guard lastCommit >= start || !isAsked, lastAnswer >= start else {
            throw Violation(
                .availability,
                "nodes \(core.map { $0 + 1 }) were well and connected for "
                    + "\(patience / 1_000_000) ms, and "
                    + (lastAnswer < start ? "no client was answered" : "nothing was committed")
            )
        }
        if core.count < wellSince.count, now >= servedAt + patience {
            servedAt = now
            served += 1
        }
        return true
    }

    /// A largest group of nodes, at least a majority, all well and connected since then.
    private func core(since start: UInt64) -> [Int]? {
        var best: [Int]?
        for set in 1..<1 << wellSince.count {
            let places = wellSince.indices.filter { set & 1 << $0 != 0 }
            guard places.count >= quorum, places.count > best?.count ?? 0,
                places.allSatisfy({ isSince(wellSince[$0], start) }),
                places.allSatisfy({ from in
                    places.allSatisfy { from == $0 || isSince(linkedSince[from][$0], start) }
                })
            else { continue }
            best = places
        }
        return best
    }

    private func isSince(_ moment: UInt64?, _ start: UInt64) -> Bool {
        moment.map { $0 <= start } ?? false
    }
}
