import CadastreDisk
import RaftCore

@testable import CadastreStorage

/// What the tests of the journal write: small chains of entries, all from one seed.
enum Samples {
    static let cluster = ClusterID(high: 0x0102_0304_0506_0708, low: 0x1112_1314_1516_1718)
    static let identity = JournalIdentity(
        cluster: cluster,
        node: NodeID(2),
        incarnation: Incarnation(high: 0x2122_2324_2526_2728, low: 0x3132_3334_3536_3738)
    )
    static let directory = "/data/journal"
    static let tiny = JournalSettings(segmentSize: 16_384, sliceSize: 8_192, reserveSize: 0)
    static let small = JournalSettings(segmentSize: 65_536, sliceSize: 65_536, reserveSize: 0)

    static let configuration = Configuration(
        members: (1...3).map { number in
            Member(
                id: NodeID(number),
                incarnation: Incarnation(high: number, low: number + 100),
                role: number == 3 ? .learner : .voter,
                site: "FR/Lyon/LYS\(number)/Opérateur",
                peerAddress: "10.0.0.\(number):7001",
                clientAddress: "10.0.0.\(number):7000",
                administrationAddress: "[::1]:7002"
            )
        },
        outgoing: [NodeID(1), NodeID(2)],
        featureLevel: 7
    )

    /// The entry behind `previous`.
    static func entry(
        after previous: EntryHeader?,
        group: GroupID = .directory,
        term: UInt64,
        items: [[UInt8]]
    ) -> Entry {
        Entry.make(
            cluster: cluster,
            group: group,
            position: LogPosition(
                index: previous?.index.next ?? LogIndex(1),
                term: Term(term)
            ),
            kind: items.isEmpty ? .noOp : .commands,
            featureLevel: 1,
            now: 1_700_000_000_000 + term,
            random: (term &* 3, term &* 5),
            previousHash: previous?.hash ?? .zero,
            items: items
        )
    }

    /// A new journal.
    static func format(
        _ disk: any Disk,
        _ settings: JournalSettings = tiny,
        seed: UInt64 = 1
    ) throws(StorageError) {
        try Journal.format(
            directory: directory,
            on: disk,
            identity: identity,
            settings: settings,
            seed: seed
        )
    }

    /// The journal of the directory.
    static func open(
        _ disk: any Disk,
        _ settings: JournalSettings = tiny,
        seed: UInt64 = 2
    ) throws(StorageError) -> (journal: Journal, recovered: [GroupRecovery]) {
        try Journal.open(
            directory: directory,
            on: disk,
            identity: identity,
            settings: settings,
            seed: seed
        )
    }

    /// A snapshot of two chunks, the first of them compressed.
    static let manifest = SnapshotManifest(
        cluster: cluster,
        group: GroupID(0x4142_4344),
        start: LogStart(
            position: LogPosition(
                index: LogIndex(0x0102_0304_0506_0708),
                term: Term(0x1112_1314_1516_1718)
            ),
            hash: EntryHash(1, 2, 3, 4),
            configuration: configuration
        ),
        digestHigh: 0x2122_2324_2526_2728,
        digestLow: 0x3132_3334_3536_3738,
        clusterTime: 0x6162_6364_6566_6768,
        size: 4_098,
        chunkSize: 4_096,
        hash: SHA256.hash([1]),
        chunks: [
            SnapshotManifest.Chunk(rawSize: 4_096, storedSize: 77, hash: SHA256.hash([2])),
            SnapshotManifest.Chunk(rawSize: 2, storedSize: 2, hash: SHA256.hash([3])),
        ]
    )

    /// Bytes that nothing compresses.
    static func noise(_ count: Int, seed: UInt64) -> [UInt8] {
        var generator = SplitMix64(seed: seed)
        var bytes = [UInt8](repeating: 0, count: count / 8 * 8)
        for place in stride(from: 0, to: bytes.count, by: 8) {
            bytes.store(generator.next(), at: place)
        }
        return bytes
    }

    /// The files of the journal, without the lock.
    static func files(_ disk: SimulatedDisk) -> [String: [UInt8]] {
        var files: [String: [UInt8]] = [:]
        for path in disk.paths where !path.hasSuffix("lock") { files[path] = disk.contents(path) }
        return files
    }

    static func path(_ number: Int) -> String {
        let digits = String(number)
        let zeros = String(repeating: "0", count: 20 - digits.count)
        return "\(directory)/journal-\(zeros)\(digits).cadastre"
    }
}

/// What a journal should hold: the naive way.
struct JournalModel: Hashable {
    struct Group: Hashable {
        var hardState = HardState.initial
        var entries: [Entry] = []
    }

    var groups: [GroupID: Group] = [:]

    mutating func apply(_ batch: [JournalWrite]) {
        for write in batch {
            switch write {
            case .entry(let entry): groups[entry.group, default: Group()].entries.append(entry)
            case .truncate(let group, let index):
                let left = Int(index.value) - 1
                let count = groups[group]?.entries.count ?? 0
                groups[group, default: Group()].entries.removeLast(count - left)
            case .hardState(let group, let state):
                groups[group, default: Group()].hardState = state
            }
        }
    }

    var recovery: [GroupRecovery] {
        groups.sorted { $0.key < $1.key }.map {
            GroupRecovery(
                group: $0.key,
                hardState: $0.value.hardState,
                headers: $0.value.entries.map(\.header)
            )
        }
    }

    /// A batch that may come next.
    func randomBatch(
        _ generator: inout SplitMix64,
        groups groupCount: Int = 3,
        itemSize: Int = 300
    ) -> [JournalWrite] {
        var after = self
        var batch: [JournalWrite] = []
        for _ in 0...generator.next(below: 4) {
            let group = GroupID(UInt32(generator.next(below: groupCount)))
            let state = after.groups[group] ?? Group()
            let write: JournalWrite
            switch generator.next(below: 6) {
            case 0 where !state.entries.isEmpty:
                let from = state.entries.count - generator.next(below: min(3, state.entries.count))
                write = .truncate(group, from: LogIndex(UInt64(from)))
            case 1:
                write = .hardState(
                    group,
                    HardState(
                        term: Term(state.hardState.term.value + 1),
                        vote: NodeID(UInt64(generator.next(below: 4)))
                    )
                )
            default:
                let last = state.entries.last?.header
                let term = (last?.term.value ?? 1) + UInt64(generator.next(below: 4) / 3)
                let items = (0..<generator.next(below: 4)).map { _ in
                    (0..<generator.next(below: itemSize)).map { _ in
                        UInt8(truncatingIfNeeded: generator.next())
                    }
                }
                write = .entry(
                    Samples.entry(after: last, group: group, term: term, items: items)
                )
            }
            batch.append(write)
            after.apply([write])
        }
        return batch
    }
}

extension Journal {
    /// Everything in it, read entry by entry.
    func contents(_ recovered: [GroupRecovery]) throws -> [GroupID: [Entry]] {
        var result: [GroupID: [Entry]] = [:]
        for group in recovered where !group.headers.isEmpty {
            let range = LogIndex(1)..<LogIndex(UInt64(group.headers.count) + 1)
            result[group.group] = try read(group.group, range, maximumSize: .max / 2)
        }
        return result
    }
}
