import CadastreClient
import CadastreProtocol
import Testing

/// Requests to nodes that take their time, and the one that changes who leads.
@Suite(.timeLimit(.minutes(1)))
struct `Transfers and digests` {
    let state = FakeState()

    private func makeOperator(_ nodes: FakeNode...) throws -> CadastreClient {
        try makeClient(nodes.map(\.address)) {
            $0.purpose = .administration
            $0.stallTimeout = .milliseconds(150)
        }
    }

    @Test
    func `a slow transfer is waited for, and not made again`() async throws {
        let node = try await FakeNode(1) { [state] in .later(1200, state.apply($0)) }
        let client = try makeOperator(node)
        #expect(await client.administer(TransferLeadership()) == .done(2))
        #expect(await client.administer(TransferLeadership(to: 2)) == .done(2))
        #expect(state.seen.count == 2)
        await client.close()
        await node.stop()
    }

    @Test
    func `a slow digest is waited for, and does not hide that the node is silent`() async throws {
        let digest = DigestReport(appliedIndex: 9, kept: [1], computed: [1], rows: 3)
        let isPaused = Fact()
        let node = try await FakeNode(1) { [state] request in
            state.note(request)
            if request.message.content == .administration(.computeDigest(atLeastIndex: 4)) {
                return .later(700, .init(outcome: .done(.administration(.digest(digest)))))
            }
            return isPaused.isTrue ? .ignore : .reply(.init(outcome: .refused(.notPermitted)))
        }
        let client = try makeOperator(node)
        let endpoint = Endpoint(node.address)
        let answer = await client.administer(ComputeDigest(atLeast: 4), at: endpoint)
        #expect(answer.value?.rows == 3)
        #expect(state.seen.count == 1)
        // Asked beside a digest, a status that does not come is missed all the same.
        isPaused.becomeTrue()
        let slow = Task { await client.administer(ComputeDigest(atLeast: 4), at: endpoint) }
        let status = await client.administer(
            GetStatus(),
            at: endpoint,
            deadline: .seconds(2)
        )
        #expect(status.refusal?.reason == .unreachable)
        #expect(status.refusal?.detail.contains("has not answered") == true)
        slow.cancel()
        _ = await slow.value
        await client.close()
        await node.stop()
    }

    @Test
    func `a transfer to nobody in particular is sent once, and unknown if no answer comes`()
        async throws
    {
        let one = try await FakeNode(1) { [state] request in
            state.note(request)
            return .close
        }
        let two = try await FakeNode(2) { [state] in .reply(state.apply($0)) }
        let client = try makeOperator(one, two)
        #expect(await client.administer(TransferLeadership()).isUnknown)
        #expect(state.seen.map(\.node) == [1])
        await client.close()
        await one.stop()
        await two.stop()
    }

    @Test
    func `a transfer whose answer was lost is done if the chosen node leads`() async throws {
        let one = try await FakeNode(1) { [state] request in
            state.note(request)
            return .close
        }
        let two = try await FakeNode(2) { [state] request in
            state.note(request)
            return .reply(.init(outcome: .refused(.notAVoter)))
        }
        let client = try makeOperator(one, two)
        #expect(await client.administer(TransferLeadership(to: 2)) == .done(2))
        #expect(state.seen.map(\.node) == [1, 2])
        await client.close()
        await one.stop()
        await two.stop()
    }

    @Test
    func `a transfer to a node that leads is done, and to one without a vote refused`() async throws
    {
        let node = try await FakeNode(1) { _ in .reply(.init(outcome: .refused(.notAVoter))) }
        let client = try makeOperator(node)
        #expect(await client.administer(TransferLeadership(to: 1)) == .done(1))
        let other = await client.administer(TransferLeadership(to: 3))
        #expect(other.refusal?.reason == .notAVoter)
        await client.close()
        await node.stop()
    }

    @Test
    func `a refused transfer is unknown only if an earlier attempt was lost`() async throws {
        let first = Flag()
        let node = try await FakeNode(1) { request in
            first.take() ? .close : .reply(.init(outcome: .refused(.transferFailed)))
        }
        let client = try makeOperator(node)
        #expect(await client.administer(TransferLeadership(to: 3)).isUnknown)
        let again = await client.administer(TransferLeadership(to: 3))
        #expect(again.refusal?.reason == .transferFailed)
        await client.close()
        await node.stop()
    }

    @Test
    func `at the deadline a transfer that was sent is unknown`() async throws {
        let node = try await FakeNode(1) { [state] request in
            guard state.seen.isEmpty else { return .ignore }
            state.note(request)
            return .reply(.init(outcome: .refused(.transferFailed)))
        }
        let client = try makeOperator(node)
        // Connected: what follows is sent at once.
        let first = await client.administer(TransferLeadership(to: 3))
        #expect(first.refusal?.reason == .transferFailed)
        let outcome = await client.administer(
            TransferLeadership(to: 3),
            deadline: .seconds(1)
        )
        #expect(outcome.isUnknown)
        await client.close()
        await node.stop()
    }
}
