@testable import RaftCore
import Testing

/// Each precondition can be made to trap: bugs of the node that calls, and of Raft itself.
@Suite
struct InvariantTests {
    @Test
    func `a write that was never asked cannot be durable`() async {
        await #expect(processExitsWith: .failure) {
            var cluster = Cluster(voters: 3)
            cluster.step(1, .persisted(PersistNumber(1)))
        }
    }

    @Test
    func `an entry above the limit is not proposed`() async {
        await #expect(processExitsWith: .failure) {
            var cluster = Cluster(voters: 1)
            cluster.elect(1)
            cluster.propose(1, size: Limits.maximumEntrySize + 1)
        }
    }

    @Test
    func `a log without its founding entry is no log`() async {
        await #expect(processExitsWith: .failure) {
            _ = Raft(
                group: .directory,
                id: NodeID(1),
                hardState: .initial,
                headers: [],
                appliedThrough: .zero,
                timing: .standard,
                seed: 1
            )
        }
    }

    @Test
    func `a state machine cannot be ahead of the log`() async {
        await #expect(processExitsWith: .failure) {
            _ = Raft(
                group: .directory,
                id: NodeID(1),
                hardState: .initial,
                headers: [Cluster.founding(voters: 1)],
                appliedThrough: LogIndex(2),
                timing: .standard,
                seed: 1
            )
        }
    }

    @Test
    func `a hard state cannot be older than the log`() async {
        await #expect(processExitsWith: .failure) {
            _ = Cluster(logs: [[2]], terms: [1])
        }
    }

    @Test
    func `a gap in the log is found at the start`() async {
        await #expect(processExitsWith: .failure) {
            var headers = Cluster.log(Cluster.founding(voters: 1), [1, 1])
            headers.remove(at: 1)
            _ = Log(headers: headers)
        }
    }

    @Test
    func `a vote is never changed`() async {
        await #expect(processExitsWith: .failure) {
            var raft = Cluster(voters: 3)[1]
            var effects = Effects()
            raft.write(HardState(term: Term(1), vote: NodeID(2)), into: &effects)
            raft.write(HardState(term: Term(1), vote: NodeID(3)), into: &effects)
        }
    }

    @Test
    func `what is committed is never truncated`() async {
        await #expect(processExitsWith: .failure) {
            var cluster = Cluster(voters: 1)
            cluster.elect(1)
            var raft = cluster[1]
            var effects = Effects()
            raft.write([], truncatingFrom: LogIndex(2), into: &effects)
        }
    }

    @Test
    func `the commit index stays within the log`() async {
        await #expect(processExitsWith: .failure) {
            var cluster = Cluster(voters: 3)
            cluster.nodes[0].raft.commitIndex = LogIndex(5)
            cluster.step(1, .tick)
        }
    }

    @Test
    func `what is released is committed`() async {
        await #expect(processExitsWith: .failure) {
            var cluster = Cluster(voters: 3)
            cluster.nodes[0].raft.releasedIndex = LogIndex(1)
            cluster.step(1, .tick)
        }
    }

    @Test
    func `a leader has its own vote`() async {
        await #expect(processExitsWith: .failure) {
            var cluster = Cluster(voters: 3)
            cluster.elect(1)
            cluster.nodes[0].raft.hardState.vote = NodeID(2)
            cluster.step(1, .tick)
        }
    }

    @Test
    func `a peer is not sent what the log does not have`() async {
        await #expect(processExitsWith: .failure) {
            var cluster = Cluster(voters: 3)
            cluster.elect(1)
            guard case .leader(var leadership) = cluster[1].current else { return }
            leadership.progress[0].sent(through: LogIndex(99), size: 1)
            cluster.nodes[0].raft.current = .leader(leadership)
            cluster.step(1, .tick)
        }
    }

    @Test
    func `more in flight than the window holds is a bug`() async {
        await #expect(processExitsWith: .failure) {
            var inflight = Inflight()
            inflight.add(through: LogIndex(1), size: Limits.maximumInflightSize)
            inflight.add(through: LogIndex(2), size: 1)
        }
    }

    @Test
    func `timing leaves room for three heartbeats`() async {
        await #expect(processExitsWith: .failure) {
            _ = Timing(heartbeatTicks: 5, minimumElectionTicks: 14, maximumElectionTicks: 30)
        }
    }
}
