@testable import RaftCore
import Testing

@Suite
struct LogTests {
    private func log(_ terms: [UInt64]) -> Log {
        let headers = Cluster.log(Cluster.founding(voters: 3), terms)
        return Log(headers: headers)
    }

    private func index(_ value: UInt64) -> LogIndex { LogIndex(value) }

    @Test
    func `headers, terms and hashes are found by index, and nowhere else`() {
        let log = log([1, 1, 4])
        #expect(log.lastIndex == index(4))
        #expect(log.last == LogPosition(index: index(4), term: Term(4)))
        #expect(log.term(at: index(0)) == .zero)
        #expect(log.term(at: index(3)) == Term(1))
        #expect(log.term(at: index(5)) == nil)
        #expect(log.header(at: index(0)) == nil)
        #expect(log.header(at: index(4))?.term == Term(4))
        #expect(log.hash(at: index(0)) == .zero)
        #expect(log.hash(at: index(4)) == log.lastHash)
    }

    @Test
    func `a log that starts late knows its base and nothing before it`() {
        let whole = log([1, 1, 4, 4])
        let base = LogPosition(index: index(3), term: Term(1))
        let hash = EntryHash(5, 0, 0, 0)
        let start = LogStart(position: base, hash: hash, configuration: whole.configuration)
        let late = Log(start: start, headers: Array(whole.headers.suffix(2)))
        #expect(late.lastIndex == index(5))
        #expect(late.term(at: index(3)) == Term(1))
        #expect(late.hash(at: index(3)) == hash)
        #expect(late.term(at: index(2)) == nil)
        #expect(late.header(at: index(3)) == nil)
        #expect(late.header(at: index(4))?.term == Term(4))
        #expect(late.lastPosition(notAfter: index(9), termAtMost: Term(2)) == base)
    }

    @Test
    func `truncation removes a tail, and with it the configuration that it brought`() {
        var log = log([1, 1])
        let founding = log.configuration
        var other = founding
        other.featureLevel = 9
        log.append(
            EntryHeader(
                position: LogPosition(index: index(4), term: Term(2)),
                kind: .configuration(other),
                size: 1,
                hash: .zero
            )
        )
        #expect(log.configuration == other)
        log.truncate(from: index(3))
        #expect(log.configuration == founding)
        #expect(log.lastIndex == index(2))
    }

    @Test
    func `backing up by terms agrees with a walk from the end`() {
        let terms: [UInt64] = [1, 1, 1, 4, 4, 5, 5, 6, 6, 6]
        let log = log(terms)
        for place in 0...14 as ClosedRange<UInt64> {
            for term in 0...8 as ClosedRange<UInt64> {
                var expected = min(place, 11)
                while expected > 0, (log.term(at: index(expected)) ?? .zero) > Term(term) {
                    expected -= 1
                }
                let found = log.lastPosition(notAfter: index(place), termAtMost: Term(term))
                #expect(found.index == index(expected))
                #expect(found.term == log.term(at: index(expected)))
            }
        }
    }

    @Test
    func `a batch is bounded by bytes and by count, and holds at least one entry`() {
        var log = Log(headers: [])
        let sizes =
            [Limits.maximumAppendSize + 5, Limits.maximumAppendSize - 1, 1, 1]
            + Array(repeating: 0, count: Limits.maximumEntriesPerMessage)
        for (place, size) in sizes.enumerated() {
            let position = LogPosition(index: index(UInt64(place) + 1), term: Term(1))
            log.append(EntryHeader(position: position, kind: .noOp, size: size, hash: .zero))
        }
        #expect(log.batch(from: index(1)).entries.count == 1)
        #expect(log.batch(from: index(2)).entries.map(\.size) == [Limits.maximumAppendSize - 1, 1])
        #expect(log.batch(from: index(4)).entries.count == Limits.maximumEntriesPerMessage)
        #expect(log.batch(from: index(UInt64(sizes.count) + 1)).entries.isEmpty)
        #expect(log.size(after: index(2)) == 2)
    }
}

@Suite
struct DurabilityTests {
    private func index(_ value: UInt64) -> LogIndex { LogIndex(value) }

    @Test
    func `entries are durable by the number of their own write`() {
        var durability = Durability(persistedIndex: index(3))
        let first = durability.willWrite(through: index(5))
        let second = durability.willWrite(through: index(8))
        #expect(durability.number(of: index(3)) == .zero)
        #expect(durability.number(of: index(5)) == first)
        #expect(durability.number(of: index(6)) == second)
        _ = durability.persisted(first)
        #expect(durability.persistedIndex == index(5))
        _ = durability.persisted(second)
        #expect(durability.persistedIndex == index(8))
    }

    @Test
    func `an old write vouches for nothing that was put in its place`() {
        var durability = Durability(persistedIndex: index(3))
        let old = durability.willWrite(through: index(6))
        durability.willTruncate(from: index(5))
        let new = durability.willWrite(through: index(5))
        #expect(durability.number(of: index(4)) == old)
        #expect(durability.number(of: index(5)) == new)
        _ = durability.persisted(old)
        #expect(durability.persistedIndex == index(4))
        _ = durability.persisted(new)
        #expect(durability.persistedIndex == index(5))
    }

    @Test
    func `truncation takes back what was durable`() {
        var durability = Durability(persistedIndex: index(9))
        durability.willTruncate(from: index(4))
        #expect(durability.persistedIndex == index(3))
    }

    @Test
    func `promises are numbered in the order in which they are made`() {
        var durability = Durability(persistedIndex: .zero)
        let first = durability.willWrite(through: index(1))
        let second = durability.willWriteHardState(newTerm: true)
        let late = durability.promise(after: second)
        let early = durability.promise(after: first)
        #expect(late == second)
        #expect(early == second)
        _ = durability.persisted(second)
        let none = durability.promise(after: second)
        #expect(none == nil)
    }

    @Test
    func `an older number is no news`() {
        var durability = Durability(persistedIndex: .zero)
        _ = durability.willWrite(through: index(1))
        let second = durability.willWrite(through: index(2))
        let isNews = durability.persisted(second)
        let isAgain = durability.persisted(PersistNumber(1))
        #expect(isNews && !isAgain)
        #expect(durability.persistedIndex == index(2))
    }
}
