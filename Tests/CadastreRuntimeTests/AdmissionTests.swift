import CadastreNode
import CadastreProtocol
import RaftCore
@testable import CadastreStateMachine
import Testing

@testable import CadastreRuntime

@Suite
struct AdmissionTests {
    private static let boss = Share.caller(.operator(name: Array("ann".utf8)))

    private static func tenant(_ number: UInt64) -> Share { .tenant(TenantID(number)) }

    private func admission(mebibytes: Int = 64, requests: Int = 1_000) -> Admission {
        Admission(
            Settings.Bounds(
                connections: 1,
                administrationConnections: 1,
                connectionsPerIdentity: 1,
                requestsPerConnection: 1,
                requestsPerTenant: requests,
                queueSize: mebibytes << 20,
                peerQueueSize: 1,
                replySize: 1
            ),
            loops: 1
        )
    }

    /// Takes pieces of this size until there is no room; returns all bytes.
    private func fill(_ admission: inout Admission, _ share: Share, size: Int = 64 << 10) -> Int {
        var taken = 0
        while admission.take(share, size: size) { taken += size }
        return taken
    }

    @Test
    func `one tenant alone gets half, and those that come later always find room`() {
        var admission = admission()
        let all = 64 << 20
        let first = fill(&admission, Self.tenant(1))
        #expect((all * 2 / 5...all / 2).contains(first))
        for number in 2...6 as ClosedRange<UInt64> {
            let taken = fill(&admission, Self.tenant(number))
            #expect(taken > 0, "tenant \(number)")
        }
        // What the first gives back is free for all of them.
        admission.free(Self.tenant(1), size: first)
        let more = fill(&admission, Self.tenant(2))
        #expect(more > 4 << 20)
    }

    @Test
    func `replies that leave make no room for more requests`() {
        var admission = admission(requests: 2)
        let share = Self.tenant(1)
        for _ in 0..<2 {
            let refusal = admission.admit(share, size: 100)
            #expect(refusal == nil)
        }
        for _ in 0..<5 {
            admission.keep(share, size: 10)
            admission.free(share, size: 10)
        }
        let refusal = admission.admit(share, size: 100)
        #expect(refusal?.refusal == .overloaded)
        #expect(admission.count == 2 && admission.size == 200)
    }

    @Test
    func `a part is kept for operators`() {
        var admission = admission()
        // However many tenants there are, and however small their pieces.
        for number in 1...2_000 as ClosedRange<UInt64> {
            _ = admission.take(Self.tenant(number), size: 1 << 20)
            _ = admission.take(Self.tenant(number), size: 1 << 10)
        }
        let isLate = admission.take(Self.tenant(3_000), size: 64 << 10)
        let isHelped = admission.take(Self.boss, size: 1 << 20)
        let more = fill(&admission, Self.boss)
        #expect(!isLate && isHelped && more > 0)
    }

    @Test(arguments: [8, 64, 4_096])
    func `the largest command fits into an empty node, whatever its bound`(_ mebibytes: Int) {
        var admission = admission(mebibytes: mebibytes)
        let size = ProtocolLimits.maximumCommandSize + 1_024
        let refusal = admission.admit(Self.tenant(1), size: size)
        #expect(refusal == nil)
    }

    @Test
    func `requests have a bound for each share, and counting out gives everything back`() {
        var admission = admission(requests: 3)
        for share in [Self.tenant(1), Self.boss] {
            let refusals = (0..<4).map { _ in admission.admit(share, size: 100)?.refusal }
            #expect(refusals == [nil, nil, nil, .overloaded])
        }
        #expect(admission.count == 6 && admission.size == 600)
        for share in [Self.tenant(1), Self.boss] {
            for _ in 0..<3 { admission.release(share, size: 100) }
        }
        #expect(admission.count == 0 && admission.size == 0 && admission.load == 0)
        let refusal = admission.admit(Self.boss, size: 100)
        #expect(refusal == nil)
    }

    @Test
    func `a tenant's certificates share what is the tenant's, and other callers have their own`() {
        let access = AuthorizationTests.access
        let name = Array("a".utf8)
        for user in ["x", "y"] {
            let caller = Principal.tenant(tenant: name, name: Array(user.utf8))
            #expect(Share(.none, caller, access) == .tenant(TenantID(1)))
        }
        let service = Principal.service(name: Array("gateway".utf8))
        #expect(Share(.none, service, access) == .caller(service))
        #expect(Share(TenantID(2), service, access) == .tenant(TenantID(2)))
        // Turns of callers are of their own too, and none is a tenant's.
        let other = Principal.service(name: Array("other".utf8))
        let turns = [Share.caller(service), .caller(other), Self.boss].map(\.turn.value)
        #expect(Set(turns).count == 3)
        #expect(turns.allSatisfy { $0 >> 63 == 1 })
        #expect(Self.tenant(5).turn == TenantID(5))
    }

    @Test
    func `lists and objects are expected to be as large as they may be`() {
        let list = ExpectedReply.size(.query(SampleRequests.list))
        #expect(list >= 10 * (ProtocolLimits.keySize.upperBound + 128))
        let object = ExpectedReply.size(.query(.getObject(bucket: [1], key: [1])))
        #expect(object >= ProtocolLimits.maximumLocationsSize + 4_096)
        #expect(ExpectedReply.size(.command(SampleRequests.put)) < 1_024)
    }

    @Test
    func `the advice grows with the time that requests take and with the load`() {
        var pace = Pace()
        #expect(pace.wait(load: 0) == 10)
        #expect(pace.wait(load: 100) == 10)
        for _ in 0..<200 { pace.answered(after: 100_000_000) }
        #expect((80...100).contains(pace.wait(load: 0)))
        #expect((320...400).contains(pace.wait(load: 100)))
        for _ in 0..<400 { pace.answered(after: 60_000_000_000) }
        #expect(pace.wait(load: 100) == 2_000)
        for _ in 0..<400 { pace.answered(after: 1_000) }
        #expect(pace.wait(load: 100) == 10)
    }
}

@Suite
struct RequestTableTests {
    private static let share = Share.tenant(TenantID(1))
    private static let other = Share.tenant(TenantID(2))

    @Test
    func `unsent bytes are given back to their shares in the order in which they leave`() {
        var unsent = UnsentReplies()
        for (share, size) in [(Self.share, 10), (Self.share, 5), (Self.other, 7), (Self.share, 1)] {
            unsent.append(share, size: size)
        }
        #expect(unsent.size == 23)
        var given: [[(Share, Int)]] = []
        for count in [4, 12, 100, 3] {
            given.append(unsent.sent(count).map { ($0.share, $0.size) })
        }
        #expect(given[0].map(\.1) == [4])
        #expect(given[1].map(\.1) == [11, 1] && given[1].map(\.0) == [Self.share, Self.other])
        #expect(given[2].map(\.1) == [6, 1] && given[2].map(\.0) == [Self.other, Self.share])
        #expect(given[3].isEmpty && unsent.size == 0)
    }

    @Test
    func `abandoned requests keep their charge until they are let go of, but not for ever`() {
        var abandoned = AbandonedRequests()
        let charge = AbandonedRequests.Charge(share: Self.share, size: 10)
        for number in 1...3 as ClosedRange<UInt64> {
            abandoned.add(
                RequestKey(connection: 1, request: number),
                charge,
                until: 100 * number
            )
        }
        let key = RequestKey(connection: 1, request: 2)
        let first = abandoned.remove(key)
        let second = abandoned.remove(key)
        #expect(first == charge && second == nil)
        let early = abandoned.removeLate(at: 100)
        #expect(early.isEmpty)
        let late = abandoned.removeLate(at: 101)
        #expect(late == [charge])
        #expect(abandoned.count == 1)
        let rest = abandoned.removeLate(at: 1_000)
        #expect(rest == [charge] && abandoned.count == 0)
    }
}
