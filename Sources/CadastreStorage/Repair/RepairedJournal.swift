internal import CadastreDisk
package import RaftCore

/// A journal that is put together anew beside a damaged one: from what is whole in it, and from what
/// peers send of the rest.
///
/// From the proven end backwards: the last entry is proven by its hash, each that is found proves the
/// hash before it. So ``missing`` names one entry by index and hash, and whatever chains to it is
/// right, whoever sent it. What was fetched is kept in a file, since it comes in the wrong order for a
/// journal. Then the journal is written forwards, and is one only when ``finish()`` has put it in the
/// place of the other.
///
/// Used by one thread.
package final class RepairedJournal {
    /// What is damaged.
    package let damage: JournalDamage
    /// The newest entry that was not found; nil once the log is whole.
    package private(set) var missing: Missing?
    /// Entries and bytes of them that were fetched.
    package private(set) var fetched = (entries: 0, bytes: 0)

    /// An entry that is asked for.
    package struct Missing: Hashable, Sendable {
        /// Its place.
        package var index: LogIndex
        /// Its hash, which is proven.
        package var hash: EntryHash

        /// Names an entry.
        package init(index: LogIndex, hash: EntryHash) {
            self.index = index
            self.hash = hash
        }
    }

    /// Entries that follow one another, ascending; of the pieces the newest comes first.
    private enum Piece {
        /// In the damaged journal: their numbers among its entries.
        case kept(Range<Int>)
        /// In the file of what was fetched.
        case fetched(offset: Int, size: Int)
    }

    private let exchange: JournalExchange
    private let identity: JournalIdentity
    private let settings: JournalSettings
    private let seed: UInt64
    /// Where this node's own snapshot stands: a log that begins there or before loses nothing.
    private let snapshot: LogStart?
    private let hasher = SHA256()

    private var pieces: [Piece] = []
    /// The log begins here, once it is whole.
    private var start: LogStart?
    /// Where it may begin if nobody has what is missing: with so many of the pieces.
    private var later: (start: LogStart, pieces: Int)?
    private let spool: any DiskFile
    private var spoolSize = 0
    private var writing: Writing?

    private struct Writing {
        var journal: Journal
        /// Pieces that are left to be written.
        var left: Int
        /// Entries of a piece of the damaged journal that were written.
        var done = 0
    }

    /// Begins, with empty files beside the damaged ones.
    ///
    /// - Parameters:
    ///   - damage: What is damaged.
    ///   - exchange: Of the same journal.
    ///   - identity: Whose it is.
    ///   - settings: As for ``Journal/open(directory:on:identity:settings:seed:)``.
    ///   - snapshot: Where this node's own newest snapshot stands, if it has one.
    ///   - seed: Fresh randomness.
    /// - Throws: `contradictory`, or what the disk says.
    package init(
        _ damage: JournalDamage,
        _ exchange: JournalExchange,
        identity: JournalIdentity,
        settings: JournalSettings,
        snapshot: LogStart?,
        seed: UInt64
    ) throws(StorageError) {
        self.damage = damage
        self.exchange = exchange
        self.identity = identity
        self.settings = settings
        self.snapshot = snapshot
        self.seed = seed
        spool = try exchange.begin()
        missing = Missing(index: damage.last.index, hash: damage.hash)
        try goOn()
    }

    // MARK: What is there

    /// Follows the chain through what is whole, to the next entry that is missing or to the start.
    private func goOn() throws(StorageError) {
        while let next = missing, !(try begins(behind: next)) {
            guard let number = damage.kept(next.index, next.hash),
                let previous = damage.entries[number].previousHash
            else { return }
            if case .kept(let range)? = pieces.last, range.lowerBound == number + 1,
                later?.pieces != pieces.count
            {
                pieces[pieces.count - 1] = .kept(number..<range.upperBound)
            } else {
                pieces.append(.kept(number..<number + 1))
            }
            missing = Missing(index: next.index.previous, hash: previous)
        }
    }

    /// Whether the log begins behind this entry; notes where it might.
    private func begins(behind entry: Missing) throws(StorageError) -> Bool {
        if let known = damage.start, known.position.index == entry.index {
            guard known.hash == entry.hash else {
                throw contradiction("the log that is proven does not begin with \(known.position)")
            }
            begin(at: known)
            return true
        }
        guard entry.index > .zero || entry.hash == LogStart.beginning.hash else {
            throw contradiction("the log that is proven goes on before its first entry")
        }
        // Where the record of the start is what is damaged, and others have all that was before it,
        // the log may as well begin at the beginning.
        let places = damage.starts + (snapshot.map { [$0] } ?? []) + [.beginning]
        let start = places.first {
            $0.position.index == entry.index && $0.hash == entry.hash
                && $0.position.index <= (snapshot?.position.index ?? .zero)
        }
        guard let start else { return false }
        if damage.start == nil {
            begin(at: start)
            return true
        }
        later = (start, pieces.count)
        return false
    }

    private func begin(at start: LogStart) {
        self.start = start
        missing = nil
    }

    /// Nobody has what is missing: lets the log begin behind it, if the node's own snapshot stands
    /// for what was before.
    ///
    /// - Returns: False if that leaves something out.
    package func beginLater() -> Bool {
        guard let later else { return false }
        pieces.removeSubrange(later.pieces...)
        begin(at: later.start)
        return true
    }

    /// Takes entries that a peer says are those before and with the missing one.
    ///
    /// - Parameters:
    ///   - bytes: The entries, ascending, at least one.
    ///   - previousHash: Of what is before the first.
    /// - Throws: `malformedEntry` if they are not, after which nothing has changed: the peer is
    ///   wrong. Anything else is final.
    package func take(
        _ bytes: [[UInt8]],
        after previousHash: EntryHash
    ) throws(StorageError) {
        guard let missing else { return }
        var hash = previousHash
        var entries: [Entry] = []
        for bytes in bytes {
            let entry = try Entry(decoding: bytes)
            guard entry.group == damage.group, entry.cluster == identity.cluster,
                entries.last.map({ $0.index.next == entry.index && $0.term <= entry.term }) ?? true,
                entry.verifies(after: hash, using: hasher)
            else { throw .malformedEntry(reason: "entry \(entry.position) is off the chain") }
            hash = entry.hash
            entries.append(entry)
        }
        guard let first = entries.first, let last = entries.last, last.index == missing.index,
            hash == missing.hash
        else {
            throw .malformedEntry(
                reason: "they do not lead to entry \(missing.index) as it is proven"
            )
        }
        // Whoever answers does not know where this log begins: what is from before is of no use.
        var previous = Missing(index: first.index.previous, hash: previousHash)
        if let known = damage.start?.position.index {
            while let early = entries.first, early.index <= known {
                previous = Missing(index: early.index, hash: early.hash)
                entries.removeFirst()
            }
        }
        for entry in entries where damage.contradicts(entry.header) {
            throw contradiction(
                "entry \(entry.position) is another one here than the log that is proven has"
            )
        }
        let joined = entries.flatMap(\.bytes)
        do throws(DiskError) {
            try spool.write(at: spoolSize, joined)
        } catch {
            throw error.isOutOfSpace ? .outOfSpace(error) : .disk(error)
        }
        pieces.append(.fetched(offset: spoolSize, size: joined.count))
        spoolSize += joined.count
        fetched.entries += entries.count
        fetched.bytes += joined.count
        self.missing = previous
        try goOn()
    }

    private func contradiction(_ reason: String) -> StorageError {
        let gap = damage.gaps.first
        return .contradictory(
            file: gap?.file ?? damage.directory,
            offset: gap?.offset ?? 0,
            reason: reason
        )
    }

    // MARK: Writing

    /// Writes some of the log, once nothing is ``missing``; true if more is left.
    package func step() throws(StorageError) -> Bool {
        precondition(missing == nil, "the log has a gap still")
        var writing = try begun()
        let limit = min(Self.maximumStep, writing.journal.maximumBatchSize)
        var batch: [JournalWrite] = []
        var size = 0
        gathering: while size < limit, writing.left > 0 {
            switch pieces[writing.left - 1] {
            case .fetched(let offset, let count):
                guard batch.isEmpty else { break gathering }
                try write(try fetched(offset, count), to: writing.journal)
                writing.left -= 1
                break gathering
            case .kept(let range):
                let write = JournalWrite.entry(try kept(range.lowerBound + writing.done))
                size += Journal.size(of: [write])
                guard batch.isEmpty || size <= limit else { break gathering }
                batch.append(write)
                writing.done += 1
                if writing.done == range.count {
                    writing.left -= 1
                    writing.done = 0
                }
            }
        }
        if !batch.isEmpty { try writing.journal.write(batch) }
        self.writing = writing
        return writing.left > 0
    }

    private func begun() throws(StorageError) -> Writing {
        if let writing { return writing }
        try Journal.format(
            directory: exchange.repaired,
            on: exchange.disk,
            identity: identity,
            settings: settings,
            seed: seed
        )
        let journal = try Journal.open(
            directory: exchange.repaired,
            on: exchange.disk,
            identity: identity,
            settings: settings,
            seed: seed &+ 1
        ).journal
        var writes: [JournalWrite] = []
        if let start, start != .beginning { writes.append(.start(damage.group, start)) }
        writes.append(.hardState(damage.group, damage.hardState))
        try journal.write(writes)
        return Writing(journal: journal, left: pieces.count)
    }

    private func write(_ entries: [Entry], to journal: Journal) throws(StorageError) {
        var batch: [JournalWrite] = []
        var size = 0
        for entry in entries {
            let write = JournalWrite.entry(entry)
            let limit = min(Self.maximumStep, journal.maximumBatchSize)
            if !batch.isEmpty, size + Journal.size(of: [write]) > limit {
                try journal.write(batch)
                batch.removeAll()
                size = 0
            }
            batch.append(write)
            size += Journal.size(of: [write])
        }
        if !batch.isEmpty { try journal.write(batch) }
    }

    /// Bytes of entries in one batch.
    private static let maximumStep = 4 * 1_048_576

    private func fetched(_ offset: Int, _ size: Int) throws(StorageError) -> [Entry] {
        let bytes: [UInt8]
        do throws(DiskError) {
            bytes = try spool.read(at: offset, count: size)
        } catch {
            throw .disk(error)
        }
        var entries: [Entry] = []
        var place = 0
        while place < bytes.count {
            guard bytes.count - place >= EntryFormat.headerSize else {
                throw .malformedEntry(reason: "what was fetched is not what was written")
            }
            let size = Int(bytes.load(UInt32.self, at: place + 28))
            guard size >= EntryFormat.headerSize, size <= bytes.count - place else {
                throw .malformedEntry(reason: "what was fetched is not what was written")
            }
            entries.append(try Entry(decoding: Array(bytes[place..<place + size])))
            place += size
        }
        return entries
    }

    /// The open segment of the damaged journal.
    private var reading: (header: SegmentHeader, file: any DiskFile)?

    private func kept(_ number: Int) throws(StorageError) -> Entry {
        let known = damage.entries[number]
        let path = "\(damage.directory)/\(SegmentFormat.fileName(known.place.segment))"
        let bytes: [UInt8]
        let header: SegmentHeader
        do throws(DiskError) {
            if reading?.header.number != known.place.segment {
                reading?.file.close()
                reading = nil
                guard let found = damage.segments.first(where: { $0.number == known.place.segment })
                else { preconditionFailure("an entry in segment \(known.place.segment)") }
                reading = (found, try exchange.disk.open(path, mode: .read))
            }
            guard let reading else { preconditionFailure("it was just opened") }
            header = reading.header
            bytes = try reading.file.read(
                at: Int(known.place.offset),
                count: Record.size(content: Int(known.place.size))
            )
        } catch {
            throw .disk(error)
        }
        do throws(Damage) {
            let record = try Record(
                in: bytes,
                at: 0,
                base: Int(known.place.offset),
                limit: bytes.count,
                seed: header.seed
            )
            guard case .entry(let entry) = record.content, entry.hash == known.hash else {
                throw Damage(offset: Int(known.place.offset), reason: "another record is here")
            }
            return entry
        } catch {
            throw .damaged(file: path, offset: error.offset, reason: error.reason)
        }
    }

    /// Makes the whole journal durable and puts it in the place of the damaged one.
    ///
    /// - Throws: What the disk says; the next start goes on.
    package func finish() throws(StorageError) {
        guard let writing else { preconditionFailure("nothing was written") }
        try writing.journal.writeMark()
        close()
        try exchange.commit()
        _ = try exchange.finish()
    }

    /// Lets go of all files; what is not finished begins anew at the next start.
    package func close() {
        writing?.journal.close()
        writing = nil
        reading?.file.close()
        reading = nil
        spool.close()
    }
}
