@testable import RaftCore
import Testing

/// Compaction, and a snapshot in the place of the log (Raft §7).
@Suite
struct SnapshotTests {
    /// A leader whose log is compacted, and member 3, which has heard nothing of it.
    private func compacted() -> Cluster {
        var cluster = Cluster(voters: 3)
        cluster.elect(1)
        for _ in 0..<5 { cluster.propose(1) }
        cluster.settle { $0.to == NodeID(3) || $0.from == NodeID(3) }
        cluster.tick(2) { $0.to == NodeID(3) || $0.from == NodeID(3) }
        cluster.compact(1)
        cluster.compact(2)
        return cluster
    }

    @Test
    func `a compacted log keeps its end, its hashes and its configuration`() {
        var cluster = compacted()
        let raft = cluster[1]
        #expect(raft.log.headers.isEmpty)
        #expect(raft.lastPosition == cluster[2].lastPosition)
        #expect(raft.configuration == Cluster.configuration(voters: 3))
        cluster.crash(1)
        cluster.restart(1)
        #expect(cluster[1].lastPosition == raft.lastPosition)
        #expect(cluster[1].lastHash == raft.lastHash)
        #expect(cluster[1].configuration == raft.configuration)
        cluster.tick(3 * Cluster.quick.maximumElectionTicks)
        #expect(cluster.leader != nil)
        #expect(cluster.breach == nil)
    }

    @Test
    func `a peer that lacks what is gone is asked for once, and goes on from its snapshot`() {
        var cluster = compacted()
        cluster.neededSnapshots = []
        cluster.tick(6)
        #expect(cluster.neededSnapshots == [Cluster.Need(leader: 1, peer: NodeID(3))])
        #expect(cluster[1].peers.last?.state == .snapshotting)
        let more = cluster.propose(1)
        cluster.settle()
        cluster.install(3, from: 1)
        #expect(cluster.nodes[2].appliedThrough < cluster[1].log.base.index, "not durable yet")
        cluster.settle()
        cluster.tick(2)
        #expect(cluster[3].lastPosition == more)
        #expect(cluster[1].peers.last?.state == .replicating)
        #expect(cluster.nodes[2].appliedThrough == more.index)
        #expect(cluster.breach == nil)
    }

    @Test
    func `what has not arrived is asked for again`() {
        var cluster = compacted()
        cluster.tick(4)
        cluster.neededSnapshots = []
        cluster.step(1, .snapshotFailed(NodeID(3)))
        #expect(cluster.neededSnapshots.isEmpty)
        cluster.tick(4)
        #expect(cluster.neededSnapshots == [Cluster.Need(leader: 1, peer: NodeID(3))])
    }

    // Simulation seed 200096: it crashed before it could say so, and declined whatever it was offered.
    @Test
    func `a peer that has a snapshot and never said so is asked, and needs no other`() {
        var cluster = compacted()
        cluster.tick(6)
        cluster.install(3, from: 1)
        cluster.settle { $0.from == NodeID(3) }
        #expect(cluster[1].peers.last?.state == .snapshotting)
        cluster.neededSnapshots = []
        cluster.step(1, .snapshotFailed(NodeID(3)))
        cluster.tick(6)
        #expect(cluster.neededSnapshots.isEmpty)
        #expect(cluster[1].peers.last?.state == .replicating)
        #expect(cluster[3].lastPosition == cluster[1].lastPosition)
        #expect(cluster.breach == nil)
    }

    // Simulation seed 3408814581646: its word was late, and what it stood for was compacted meanwhile.
    @Test
    func `a peer whose word of what it has was lost needs no snapshot of that`() {
        var cluster = Cluster(voters: 3)
        cluster.elect(1)
        cluster.propose(1)
        cluster.settle { $0.from == NodeID(3) }
        cluster.compact(1)
        let last = cluster.propose(1)
        cluster.settle { $0.to == NodeID(3) }
        #expect(cluster[1].peers.last?.matchIndex == cluster[1].log.base.index.previous)
        #expect(cluster[3].lastPosition == cluster[1].log.base)
        cluster.tick(6)
        #expect(cluster.neededSnapshots.isEmpty)
        #expect(cluster[3].lastPosition == last)
        #expect(cluster.breach == nil)
    }

    // Simulation seed 11898: the log forgot more while the peer fetched, and nobody asked again.
    @Test
    func `a peer that took an older snapshot than it needs by now is offered another`() {
        var cluster = compacted()
        cluster.tick(6)
        let old = cluster[1].log.start
        for _ in 0..<5 { cluster.propose(1) }
        let isCut: (Message) -> Bool = { $0.to == NodeID(3) || $0.from == NodeID(3) }
        cluster.settle(dropping: isCut)
        cluster.tick(2, dropping: isCut)
        cluster.compact(1)
        cluster.neededSnapshots = []
        cluster.step(3, .installSnapshot(old))
        cluster.settle()
        cluster.tick(6)
        #expect(cluster.neededSnapshots.contains(Cluster.Need(leader: 1, peer: NodeID(3))))
        cluster.install(3, from: 1)
        cluster.settle()
        cluster.tick(2)
        #expect(cluster[3].lastPosition == cluster[1].lastPosition)
        #expect(cluster.breach == nil)
    }

    // Figure 13, step 6; hashicorp/raft#697: keeping what contradicts it loops for ever.
    @Test
    func `a snapshot takes the place of a longer log that contradicts it`() {
        var cluster = Cluster(logs: [[1, 3, 3], [1, 3, 3], [1, 2, 2, 2, 2]], terms: [3, 3, 3])
        for place in 0..<2 { cluster.nodes[place].raft.electionElapsed = 4 }
        let isCut: (Message) -> Bool = { $0.to == NodeID(3) || $0.from == NodeID(3) }
        cluster.campaign(1)
        cluster.settle(dropping: isCut)
        cluster.tick(2, dropping: isCut)
        cluster.compact(1)
        #expect(cluster[1].isLeader)
        cluster.install(3, from: 1)
        cluster.settle()
        #expect(cluster[3].lastPosition == cluster[1].log.base)
        cluster.tick(2)
        #expect(cluster[3].lastPosition == cluster[1].lastPosition)
        #expect(cluster.breach == nil)
    }

    // One that fetched while it followed, and was elected since: it counts, and nothing is lost of
    // what it keeps account of.
    @Test
    func `a leader takes no snapshot, and commits by counting`() {
        var lone = Lone([1])
        lone.lead()
        let last = lone.raft.lastPosition
        let before = lone.raft
        lone.step(
            .installSnapshot(
                LogStart(
                    position: last,
                    hash: lone.raft.lastHash,
                    configuration: lone.raft.configuration
                )
            )
        )
        #expect(lone.raft == before)
        lone.accept(last.index.value, from: 2)
        #expect(lone.raft.commitIndex == last.index)
        #expect(lone.raft.uncommittedSize == 0)
    }

    // Figure 13, step 5.
    @Test
    func `a log that holds the snapshot's last entry is kept, and learns what is committed`() {
        var lone = Lone([1, 1, 1], term: 1)
        let header = lone.raft.header(at: LogIndex(3))
        let start = LogStart(
            position: LogPosition(index: LogIndex(3), term: Term(1)),
            hash: header?.hash ?? .zero,
            configuration: lone.raft.configuration
        )
        lone.step(.installSnapshot(start))
        #expect(lone.terms == [1, 1, 1])
        #expect(lone.effects.persists.isEmpty)
        #expect(lone.effects.installed == nil)
        #expect(lone.effects.committed == LogIndex(1)...LogIndex(3))
    }

    @Test
    func `an older snapshot changes nothing, and one with another hash is an alarm`() {
        var lone = Lone([1, 1, 1], term: 1)
        lone.receive(Lone.append([1, 1, 1], after: 3, commit: 4), from: 2, term: 1)
        let before = lone.raft
        let configuration = lone.raft.configuration
        func start(_ index: UInt64) -> LogStart {
            LogStart(
                position: LogPosition(index: LogIndex(index), term: Term(1)),
                hash: .zero,
                configuration: configuration
            )
        }
        lone.step(.installSnapshot(start(3)))
        #expect(lone.raft == before)
        var behind = Lone([1, 1, 1], term: 1)
        behind.step(.installSnapshot(start(3)))
        #expect(behind.effects.alarm == .divergentHash(position: start(3).position, from: .none))
    }

    @Test
    func `nothing is acknowledged or handed out before the snapshot stands on the disk`() {
        var lone = Lone([1], term: 1)
        lone.receive(Lone.heartbeat(), from: 2, term: 1)
        let start = LogStart(
            position: LogPosition(index: LogIndex(9), term: Term(1)),
            hash: EntryHash(5, 0, 0, 0),
            configuration: lone.raft.configuration
        )
        let effects = lone.step(.installSnapshot(start))
        #expect(effects.persists.map(\.start) == [start])
        #expect(effects.messages.isEmpty)
        #expect(effects.messagesAfterPersist.map(\.number) == effects.persists.map(\.number))
        #expect(effects.outcomes == [.accepted(match: LogIndex(9))])
        #expect(effects.installed == nil)
        let probe = AppendEntries(
            previous: start.position,
            previousHash: start.hash,
            entries: [],
            commitIndex: LogIndex(9)
        )
        #expect(lone.receive(.appendEntries(probe), from: 2, term: 1).messages.isEmpty)
        // Nor is what an append from before it says again, which knows nothing of the snapshot.
        let old = Lone.append([], after: 1)
        #expect(lone.receive(old, from: 2, term: 1).messages.isEmpty)
        let durable = lone.persist()
        #expect(durable.installed == start)
        #expect(durable.committed == nil)
        #expect(lone.raft.lastHash == start.hash)
    }

    // C9: the end of an old write does not vouch for what a snapshot put in its place.
    @Test
    func `a write that a snapshot overtook makes nothing durable`() {
        var lone = Lone([1], term: 1)
        lone.receive(Lone.append([1, 1, 1], after: 2), from: 2, term: 1)
        let old = lone.raft.lastPersistNumber
        let start = LogStart(
            position: LogPosition(index: LogIndex(9), term: Term(1)),
            hash: EntryHash(5, 0, 0, 0),
            configuration: lone.raft.configuration
        )
        lone.step(.installSnapshot(start))
        lone.step(.persisted(old))
        #expect(lone.effects.installed == nil)
        lone.persist()
        #expect(lone.effects.installed == start)
        #expect(lone.raft.persistedIndex == LogIndex(9))
    }

    @Test
    func `entries that begin before the base are compared from the base on`() {
        var cluster = compacted()
        let last = cluster[2].lastPosition
        let append = AppendEntries(
            previous: .zero,
            previousHash: .zero,
            entries: [],
            commitIndex: .zero
        )
        cluster.network = []
        cluster.step(
            2,
            .received(
                Message(
                    group: .directory,
                    from: NodeID(1),
                    to: NodeID(2),
                    term: cluster[1].term,
                    body: .appendEntries(append)
                )
            )
        )
        #expect(cluster[2].lastPosition == last)
        #expect(
            cluster.network.last?.body
                == .appendEntriesReply(
                    AppendEntriesReply(outcome: .accepted(match: cluster[2].log.base.index))
                )
        )
    }
}
