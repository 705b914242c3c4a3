@testable import RaftCore

/// Members that come and go, and logs that are compacted.
extension Cluster {
    /// A node with an empty disk that knows nothing but the founding entry.
    ///
    /// - Returns: Its id.
    mutating func join() -> Int {
        let disk = Disk(
            hardState: .initial,
            headers: [Self.founding(voters: founders, witness: witness)]
        )
        nodes.append(Node(raft: makeRaft(nodes.count, disk), disk: disk))
        return nodes.count
    }

    /// A configuration of these voters and learners.
    static func configuration(voters: [Int], learners: [Int] = []) -> Configuration {
        Configuration(
            members: (voters + learners).map { number in
                var member = Cluster.configuration(voters: number).members[number - 1]
                member.role = voters.contains(number) ? .voter : .learner
                return member
            },
            featureLevel: 1
        )
    }

    /// Asks a leader for a change.
    @discardableResult
    mutating func change(
        _ id: Int,
        voters: [Int],
        learners: [Int] = []
    ) -> ConfigurationRefusal? {
        let target = Self.configuration(voters: voters, learners: learners)
        let refusal = self[id].refusal(ofChangeTo: target)
        step(id, .changeConfiguration(to: target))
        return refusal
    }

    /// Compacts a node's log, in memory and on disk, through its applied index.
    mutating func compact(_ id: Int) {
        step(id, .compact(through: nodes[id - 1].appliedThrough))
        nodes[id - 1].disk.compact(to: self[id].log.start)
    }

    /// A witness does what it is told.
    mutating func forget(through held: LogIndex, at id: Int) {
        let through = min(held, nodes[id - 1].appliedThrough)
        guard through > self[id].logBase.index else { return }
        step(id, .compact(through: through))
        nodes[id - 1].disk.compact(to: self[id].log.start)
    }

    /// Of every quorum's disks somebody's holds each entry that was ever committed; those of full
    /// members hold what they have compacted too, as the state.
    mutating func checkWholeness() {
        guard breach == nil else { return }
        for bits in 0..<1 << founders
        where bits.nonzeroBitCount == Quorum.majority(of: founders) {
            let quorum = (1...founders).filter { bits >> ($0 - 1) & 1 == 1 }
            for (place, entry) in committed.enumerated() {
                let index = LogIndex(UInt64(place) + 1)
                let isHeld = quorum.contains { id in
                    let disk = nodes[id - 1].disk
                    if index <= disk.start.position.index { return id != witness }
                    return disk.header(at: index)?.hash == entry.hash
                }
                if !isHeld {
                    breach = "the committed entry \(index) is on no disk of \(quorum)"
                    return
                }
            }
        }
    }

    /// Gives a node the state as of another one's base.
    mutating func install(_ id: Int, from source: Int) {
        step(id, .installSnapshot(self[source].log.start))
    }

    /// Ticks everybody and lets all go that is not dropped.
    mutating func tick(_ count: Int = 1, dropping isLost: (Message) -> Bool = { _ in false }) {
        for _ in 0..<count {
            for id in 1...nodes.count { step(id, .tick) }
            settle(dropping: isLost)
        }
    }

    /// The node that leads the newest term among those that are up.
    var leader: Int? {
        (1...nodes.count).filter { nodes[$0 - 1].isUp && self[$0].isLeader }
            .max { self[$0].term < self[$1].term }
    }
}
