import Testing

@testable import cadastre

@Suite
struct `Verify` {
    private func node(_ index: UInt64, _ digest: String, kept: String? = nil) -> VerifyVerb.Node {
        .init(
            node: 1,
            endpoint: "h:1",
            applied_index: index,
            kept: kept ?? digest,
            computed: digest,
            rows: 1
        )
    }

    private func round(_ nodes: [VerifyVerb.Node]) -> DigestRound.Result {
        var round = DigestRound.Result()
        round.nodes = nodes
        return round
    }

    @Test
    func `digests are compared at equal indices only`() {
        #expect(VerifyVerb.areEqual([node(1, "a"), node(1, "a"), node(2, "b")]))
        #expect(!VerifyVerb.areEqual([node(1, "a"), node(1, "b")]))
    }

    @Test
    func `nodes that met, or that differ, are not asked again`() {
        let meeting = Meeting(5)
        #expect(meeting.after(round([node(5, "a"), node(5, "a")])) == nil)
        #expect(meeting.after(round([node(5, "a"), node(5, "b")])) == nil)
        #expect(meeting.after(round([node(5, "a"), node(6, "b", kept: "c")])) == nil)
        #expect(meeting.after(round([])) == nil)
    }

    @Test
    func `while writes go on the nodes meet ahead, but never far`() throws {
        var meeting = Meeting(5)
        #expect(meeting.margin == 0)
        for _ in 0..<1000 {
            let found = meeting.index
            meeting = try #require(meeting.after(round([node(found, "a"), node(found + 3, "b")])))
            #expect(meeting.index == found + 3 + meeting.margin)
            #expect(1...Meeting.maximumMargin ~= meeting.margin)
        }
        #expect(meeting.margin == Meeting.maximumMargin)
    }

    @Test
    func `when writes end, the nodes meet where the farthest is`() throws {
        let ahead = try #require(Meeting(5).after(round([node(5, "a"), node(9, "b")])))
        #expect(ahead.index == 10)
        var short = round([node(9, "b")])
        short.isShort = true
        short.farthest = 8
        let next = try #require(ahead.after(short))
        #expect(next == Meeting(9))
    }
}
