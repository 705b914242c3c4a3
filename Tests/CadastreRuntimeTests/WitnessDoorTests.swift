import CadastreProtocol
import NIOCore
import NIOEmbedded
import RaftCore
import Testing

@testable import CadastreRuntime

/// The doors of a node without a state.
struct WitnessDoorTests {
    /// A witness that follows node 2.
    private func bench() throws -> DoorBench {
        let bench = try DoorBench(isWitness: true)
        bench.view.update { content in
            content.role = .follower
            content.leader = NodeID(2)
            content.isSettledLeader = false
        }
        return bench
    }

    @Test
    func `whatever a client wants, it is sent to the leader`() throws {
        let bench = try bench()
        let channel = try bench.open(.client, DoorBench.service)
        let reads = [Consistency.any, .linearizable, .atLeast(index: 1), .bounded(milliseconds: 9)]
        let requests =
            [DoorBench.put()]
            + reads.map { consistency in
                RequestMessage(
                    consistency: consistency,
                    tenant: SampleRequests.a,
                    content: .query(SampleRequests.list)
                )
            }
        for (place, request) in requests.enumerated() {
            let frame = DoorBench.frame(request, id: UInt64(place))
            try channel.writeInbound(ByteBuffer(bytes: frame))
        }
        let replies = try DoorBench.replies(from: channel)
        #expect(replies.count == requests.count)
        for reply in replies {
            #expect(reply.1.outcome == .refused(.notLeader, retryAfterMilliseconds: 50))
            #expect(reply.1.leader?.address == "h2:2")
        }
        #expect(bench.handedOver().isEmpty)
        #expect(bench.apply.count == 0)
    }

    @Test
    func `operators hear what it is, and that it has nothing to verify`() throws {
        let bench = try bench()
        let channel = try bench.open(.administration, DoorBench.operator)
        for (place, request) in [
            AdministrationRequest.status, .computeDigest(atLeastIndex: 3),
        ].enumerated() {
            let message = RequestMessage(content: .administration(request))
            try channel.writeInbound(ByteBuffer(bytes: DoorBench.frame(message, id: UInt64(place))))
        }
        bench.loop.run()
        let replies = try DoorBench.replies(from: channel).map(\.1)
        #expect(replies.count == 2)
        let status = replies.lazy.compactMap { reply -> NodeStatus? in
            guard case .done(.administration(.status(let status))) = reply.outcome else {
                return nil
            }
            return status
        }.first
        // Of the consensus stage: there is no other.
        #expect(status?.appliedIndex == 8)
        let refused = replies.first {
            $0.outcome == .refused(.notSupported, retryAfterMilliseconds: 0)
        }
        #expect(refused?.detail.contains("witness") == true)
        #expect(bench.apply.count == 0)
    }
}
