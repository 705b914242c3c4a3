/// What is on disk and what is still on its way there.
///
/// Every write has a number. An index becomes durable by the number of the write that brought the
/// entry *now* standing there: truncation takes the place away from older writes, so that the
/// end of an old write never vouches for a new entry at the same index.
struct Durability: Hashable, Sendable {
    private struct Write: Hashable {
        let number: PersistNumber
        /// The log is durable through here once `number` is.
        ///
        /// Falls when the log is truncated.
        var through: LogIndex
    }

    /// The newest number asked for.
    private(set) var lastNumber: PersistNumber = .zero
    /// Everything through this number is durable.
    private(set) var durableNumber: PersistNumber = .zero
    /// The log is durable through here, entry by entry as it stands now.
    private(set) var persistedIndex: LogIndex
    /// The write that made the current term durable.
    private(set) var termNumber: PersistNumber = .zero
    /// The write that made the current vote durable.
    private(set) var voteNumber: PersistNumber = .zero
    /// The highest number that a promise waits for; promises are handed out in this order.
    private var promisedNumber: PersistNumber = .zero
    /// Writes with entries that are not durable yet, ascending.
    private var writes: [Write] = []

    /// Starts with a log that came from disk.
    init(persistedIndex: LogIndex) { self.persistedIndex = persistedIndex }

    /// Numbers a write of entries through `last`.
    mutating func willWrite(through last: LogIndex) -> PersistNumber {
        lastNumber = PersistNumber(lastNumber.value + 1)
        writes.append(Write(number: lastNumber, through: last))
        return lastNumber
    }

    /// Numbers a write of hard state.
    mutating func willWriteHardState(newTerm: Bool) -> PersistNumber {
        lastNumber = PersistNumber(lastNumber.value + 1)
        if newTerm { termNumber = lastNumber }
        voteNumber = lastNumber
        return lastNumber
    }

    /// Numbers the write that puts a snapshot through `index` in the place of the whole log.
    mutating func willReset(to index: LogIndex) -> PersistNumber {
        lastNumber = PersistNumber(lastNumber.value + 1)
        // Nothing counts before it: an acknowledgement of its last entry waits for it too.
        persistedIndex = .zero
        writes = [Write(number: lastNumber, through: index)]
        return lastNumber
    }

    /// Nothing from `index` on is what earlier writes bring.
    mutating func willTruncate(from index: LogIndex) {
        persistedIndex = min(persistedIndex, index.previous)
        for place in writes.indices {
            writes[place].through = min(writes[place].through, index.previous)
        }
    }

    /// Everything through `number` is durable.
    ///
    /// Says whether that was news.
    mutating func persisted(_ number: PersistNumber) -> Bool {
        precondition(
            number <= lastNumber,
            "write \(number.value) is said to be durable; the last one asked was \(lastNumber.value)"
        )
        guard number > durableNumber else { return false }
        durableNumber = number
        var done = 0
        while done < writes.count, writes[done].number <= number {
            persistedIndex = max(persistedIndex, writes[done].through)
            done += 1
        }
        writes.removeFirst(done)
        return true
    }

    /// The write after which the entry now at `index` is durable; zero if it already is.
    func number(of index: LogIndex) -> PersistNumber {
        if index <= persistedIndex { return .zero }
        for write in writes where write.through >= index { return write.number }
        preconditionFailure("index \(index) is neither durable (\(persistedIndex)) nor asked for")
    }

    /// The number that a promise waits for, or nil if it may be made at once.
    ///
    /// Numbers never fall from one promise to the next, so that a queue of them opens from its
    /// head.
    mutating func promise(after number: PersistNumber) -> PersistNumber? {
        guard number > durableNumber else { return nil }
        promisedNumber = max(promisedNumber, number)
        return promisedNumber
    }
}
