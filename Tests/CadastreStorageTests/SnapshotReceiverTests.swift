import CadastreDisk
import RaftCore
import TestLanes
import Testing

@testable import CadastreStorage

/// Chunks that come in any order, from anybody, over crashes.
@Suite(.heavy)
struct SnapshotReceiverTests {
    /// Who sends, and the chunks.
    private struct Peer {
        let fixture: SnapshotFixture
        let manifest: SnapshotManifest
        let chunks: [[UInt8]]

        init(size: Int = 30_000, index: UInt64 = 5) throws {
            fixture = try SnapshotFixture(size: size)
            manifest = try fixture.build(index: index)
            let (store, id) = (fixture.store, manifest.id)
            chunks = try manifest.chunks.indices.map { try store.chunk($0, of: id) }
        }
    }

    private func begin(
        _ manifest: SnapshotManifest,
        in store: SnapshotStore
    ) throws(StorageError) -> SnapshotReceiver {
        let receiver = try store.receive(
            manifest,
            group: .directory,
            notOlderThan: LogIndex(3)
        )
        while case .looking = receiver.stage { _ = try receiver.step() }
        return receiver
    }

    private func complete(_ receiver: SnapshotReceiver, from peer: Peer) throws(StorageError) {
        for number in receiver.missing(maximumCount: .max) {
            _ = try receiver.receive(peer.chunks[number], chunk: number)
        }
        while case .verifying = receiver.stage { _ = try receiver.step() }
    }

    @Test
    func `chunks in any order give the file`() throws {
        let peer = try Peer()
        let fixture = try SnapshotFixture(size: 1)
        let receiver = try begin(peer.manifest, in: fixture.store)
        var generator = SplitMix64(seed: 5)
        while receiver.stage == .fetching {
            let missing = receiver.missing(maximumCount: .max)
            #expect(missing.count == receiver.missingCount)
            let number = missing[generator.next(below: missing.count)]
            #expect(receiver.missing(from: number, maximumCount: 1) == [number])
            #expect(try receiver.receive(peer.chunks[number], chunk: number) == .kept)
        }
        while receiver.stage != .complete { _ = try receiver.step() }
        #expect(fixture.disk.contents(receiver.path) == peer.fixture.contents)
        try receiver.end()
        #expect(try fixture.disk.list(SnapshotFixture.directory).isEmpty)
    }

    @Test
    func `what is wrong, known or out of range changes nothing`() throws {
        let peer = try Peer()
        let fixture = try SnapshotFixture(size: 1)
        let receiver = try fixture.store.receive(
            peer.manifest,
            group: .directory,
            notOlderThan: .zero
        )
        #expect(try receiver.receive(peer.chunks[0], chunk: 0) == .notYet)
        #expect(receiver.missing(maximumCount: 9).isEmpty)
        while case .looking = receiver.stage { _ = try receiver.step() }
        #expect(try receiver.receive(peer.chunks[1], chunk: 1) == .kept)
        let before = fixture.disk.contents(receiver.path)
        #expect(try receiver.receive(peer.chunks[1], chunk: 1) == .known)
        for number in [-1, peer.chunks.count, Int.max, Int.min] {
            #expect(try receiver.receive(peer.chunks[0], chunk: number) == .noSuchChunk)
        }
        var other = peer.chunks[0]
        other[9] ^= 1
        let wrong = [
            [], Array(peer.chunks[0].dropLast()), peer.chunks[0] + [0], other, peer.chunks[2],
            [UInt8](repeating: 0xff, count: peer.chunks.last?.count ?? 0),
        ]
        for bytes in wrong { #expect(try receiver.receive(bytes, chunk: 0) == .wrong) }
        let last = peer.chunks.count - 1
        var compressed = peer.chunks[last]
        for place in compressed.indices {
            compressed[place] ^= 0xff
            #expect(try receiver.receive(compressed, chunk: last) == .wrong)
            compressed[place] ^= 0xff
        }
        #expect(fixture.disk.contents(receiver.path) == before)
        try complete(receiver, from: peer)
        #expect(receiver.stage == .complete)
        #expect(try receiver.receive(peer.chunks[0], chunk: 0) == .known)
    }

    @Test
    func `a snapshot of another cluster or group, or an older one, is refused`() throws {
        let peer = try Peer()
        let fixture = try SnapshotFixture(size: 1)
        let receiver = try begin(peer.manifest, in: fixture.store)
        _ = try receiver.receive(peer.chunks[0], chunk: 0)
        var foreign = peer.manifest
        foreign.cluster = ClusterID(high: 1, low: 1)
        func refuses(_ manifest: SnapshotManifest, _ group: GroupID, _ index: UInt64) -> Bool {
            do throws(StorageError) {
                _ = try fixture.store.receive(
                    manifest,
                    group: group,
                    notOlderThan: LogIndex(index)
                )
                return false
            } catch {
                guard case .refusedSnapshot = error else { return false }
                return true
            }
        }
        #expect(refuses(foreign, .directory, 0))
        #expect(refuses(peer.manifest, GroupID(1), 0))
        #expect(refuses(peer.manifest, .directory, 6))
        // The one that is being received goes on.
        try complete(receiver, from: peer)
        #expect(receiver.stage == .complete)
    }

    @Test
    func `another snapshot takes the place of the first, of which nothing is left`() throws {
        let (first, second) = try (Peer(), Peer(size: 9_000, index: 8))
        let fixture = try SnapshotFixture(size: 1)
        let old = try begin(first.manifest, in: fixture.store)
        _ = try old.receive(first.chunks[0], chunk: 0)
        let new = try begin(second.manifest, in: fixture.store)
        #expect(old.stage == .over)
        #expect(try old.receive(first.chunks[1], chunk: 1) == .known)
        #expect(new.missingCount == second.chunks.count)
        #expect(
            try fixture.disk.list(SnapshotFixture.directory)
                == ["receiving.manifest", "receiving.raw"]
        )
        try complete(new, from: second)
        #expect(fixture.disk.contents(new.path) == second.fixture.contents)
    }

    @Test
    func `it goes on after a stop with the chunks that are there`() throws {
        let peer = try Peer()
        let fixture = try SnapshotFixture(size: 1)
        let first = try begin(peer.manifest, in: fixture.store)
        for number in [0, 3, 5] { _ = try first.receive(peer.chunks[number], chunk: number) }
        fixture.disk.endProcess()
        fixture.disk.restart()
        fixture.disk.flipBit(first.path, at: 3 * 4_096, bit: 0)
        fixture.disk.makeUnreadable(first.path, 5 * 4_096..<5 * 4_096 + 1)
        let store = try fixture.reopened()
        #expect(try store.resumable() == peer.manifest)
        let second = try begin(peer.manifest, in: store)
        #expect(second.missingCount == peer.chunks.count - 1)
        #expect(!second.missing(maximumCount: .max).contains(0))
        try complete(second, from: peer)
        #expect(fixture.disk.contents(second.path) == peer.fixture.contents)
    }

    @Test
    func `a manifest whose chunks do not make its file is refused in the end`() throws {
        let peer = try Peer()
        let fixture = try SnapshotFixture(size: 1)
        var lie = peer.manifest
        lie.hash = SHA256.hash([1])
        let receiver = try begin(lie, in: fixture.store)
        #expect(throws: StorageError.self) { try complete(receiver, from: peer) }
        #expect(receiver.stage == .over)
        #expect(try fixture.disk.list(SnapshotFixture.directory).isEmpty)
    }

    @Test
    func `without room it is refused at once, or the chunk comes again`() throws {
        let peer = try Peer()
        let fixture = try SnapshotFixture(size: 1)
        fixture.disk.capacity = fixture.disk.usedBytes + 20_000
        #expect(throws: StorageError.self) { try begin(peer.manifest, in: fixture.store) }
        #expect(try fixture.disk.list(SnapshotFixture.directory).isEmpty)
        fixture.disk.capacity = nil
        let receiver = try begin(peer.manifest, in: fixture.store)
        fixture.disk.capacity = fixture.disk.usedBytes + 10
        #expect(throws: StorageError.self) { try receiver.receive(peer.chunks[1], chunk: 1) }
        #expect(receiver.missing(maximumCount: 2) == [0, 1])
        fixture.disk.capacity = nil
        try complete(receiver, from: peer)
        #expect(fixture.disk.contents(receiver.path) == peer.fixture.contents)
    }

    @Test
    func `a crash at any disk operation loses chunks at most, and the file comes out whole`()
        throws
    {
        let peer = try Peer()
        let trial = try SnapshotFixture(size: 1)
        let first = trial.disk.statistics.operations
        try complete(begin(peer.manifest, in: trial.store), from: peer)
        let operations = trial.disk.statistics.operations - first
        var resumed = 0
        for nth in 1...operations {
            for round in 0..<4 {
                let fixture = try SnapshotFixture(size: 1, seed: UInt64(nth * 4 + round))
                fixture.disk.crash(atOperation: nth)
                #expect(throws: StorageError.self) {
                    try complete(begin(peer.manifest, in: fixture.store), from: peer)
                }
                fixture.disk.restart()
                let store = try fixture.reopened()
                let receiver = try begin(peer.manifest, in: store)
                if receiver.missingCount < peer.chunks.count { resumed += 1 }
                try complete(receiver, from: peer)
                #expect(receiver.stage == .complete)
                #expect(fixture.disk.contents(receiver.path) == peer.fixture.contents)
                fixture.disk.crash()
                fixture.disk.restart()
                #expect(fixture.disk.contents(receiver.path) == peer.fixture.contents)
            }
        }
        #expect(resumed > 10)
    }

    @Test
    func `what lies beside the file goes with it`() throws {
        let peer = try Peer()
        let fixture = try SnapshotFixture(size: 1)
        let receiver = try begin(peer.manifest, in: fixture.store)
        fixture.disk.setContents("\(receiver.path)-wal", [1])
        try receiver.end()
        #expect(try fixture.disk.list(SnapshotFixture.directory).isEmpty)
        #expect(try fixture.store.resumable() == nil)
        try fixture.store.removePartial()
    }
}
