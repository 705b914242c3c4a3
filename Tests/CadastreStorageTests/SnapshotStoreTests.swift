import CadastreDisk
import Glibc
import RaftCore
import TestLanes
import Testing

@testable import CadastreStorage

/// Snapshots made, kept, handed out: whole or not at all.
@Suite(.heavy)
struct SnapshotStoreTests {
    @Test(arguments: [1, 4_095, 4_096, 4_097, 12_288, 50_001])
    func `a file of any size is made a snapshot of, and its chunks are what it holds`(
        size: Int
    ) throws {
        let fixture = try SnapshotFixture(size: size)
        let manifest = try fixture.build(index: 5)
        #expect(manifest.size == size)
        #expect(manifest.hash == SHA256.hash(fixture.contents))
        #expect(fixture.store.manifests == [manifest])
        var raw: [UInt8] = []
        for (number, chunk) in manifest.chunks.enumerated() {
            let stored = try fixture.store.chunk(number, of: manifest.id)
            #expect(stored.count == chunk.storedSize)
            raw += try #require(chunk.raw(of: stored))
        }
        #expect(raw == fixture.contents)
        let names = try fixture.disk.list(SnapshotFixture.directory)
        #expect(names == ["\(manifest.id).chunks", "\(manifest.id).manifest"])
        #expect(try fixture.reopened().manifests == [manifest])
    }

    @Test
    func `what does not compress is kept as it is, what does is kept smaller`() throws {
        let fixture = try SnapshotFixture(size: 40_960)
        let chunks = try fixture.build(index: 5).chunks
        #expect(chunks.contains { $0.storedSize == $0.rawSize })
        #expect(chunks.contains { $0.storedSize < $0.rawSize / 4 })
    }

    @Test(arguments: [1, 2])
    func `as many of a group are kept as was said, the newest ones, in their order`(
        count: Int
    ) throws {
        let fixture = try SnapshotFixture(size: 9_000, keeping: count)
        let other = try fixture.build(index: 1, group: GroupID(7))
        for index in [5, 9, 12] as [UInt64] { try fixture.build(index: index) }
        let kept = [9, 12].suffix(count).map { LogIndex($0) }
        for store in [fixture.store, try fixture.reopened()] {
            #expect(
                store.manifests.map(\.start.position.index) == [other.start.position.index] + kept
            )
            #expect(store.newest(of: .directory)?.start.position.index == LogIndex(12))
            #expect(store.newest(of: GroupID(8)) == nil)
        }
        #expect(try fixture.disk.list(SnapshotFixture.directory).count == 2 * (count + 1))
    }

    @Test
    func `a chunk or a snapshot that is not there is said so`() throws {
        let fixture = try SnapshotFixture(size: 9_000)
        let id = try fixture.build(index: 5).id
        for number in [-1, 3, Int.max] {
            #expect(throws: StorageError.unknownSnapshot(id, chunk: number)) {
                try fixture.store.chunk(number, of: id)
            }
        }
        try fixture.build(index: 6)
        #expect(throws: StorageError.unknownSnapshot(id, chunk: 0)) {
            try fixture.store.chunk(0, of: id)
        }
    }

    @Test
    func `a rotten chunk is not handed out: the scrub names file and offset, and goes on`() throws {
        let fixture = try SnapshotFixture(size: 50_000)
        let manifest = try fixture.build(index: 5)
        let path = "\(SnapshotFixture.directory)/\(manifest.id).chunks"
        var found = 0
        for number in manifest.chunks.indices {
            let offset = manifest.chunks[..<number].reduce(0) { $0 + $1.storedSize }
            if number.isMultiple(of: 2) {
                fixture.disk.flipBit(path, at: offset + 2, bit: 1)
            } else {
                fixture.disk.makeUnreadable(path, offset..<offset + 1)
            }
            do throws(StorageError) {
                _ = try fixture.store.chunk(number, of: manifest.id)
                Issue.record("chunk \(number) was handed out")
            } catch {
                guard case .damagedSnapshot(path, offset, _) = error else {
                    Issue.record("\(error)")
                    continue
                }
                found += 1
            }
        }
        #expect(found == manifest.chunks.count)
        var scrubbed = 0
        for _ in manifest.chunks {
            do throws(StorageError) { _ = try fixture.store.scrub() } catch { scrubbed += 1 }
        }
        #expect(scrubbed == manifest.chunks.count)
        try fixture.store.remove(manifest.id)
        #expect(fixture.store.manifests.isEmpty)
        #expect(try fixture.store.scrub())
        #expect(try fixture.disk.list(SnapshotFixture.directory).isEmpty)
    }

    @Test
    func `the scrub looks at every chunk once a round`() throws {
        let fixture = try SnapshotFixture(size: 20_000, keeping: 2)
        let count = try fixture.build(index: 5).chunks.count + fixture.build(index: 6).chunks.count
        for _ in 0..<3 {
            for number in 1...count { #expect(try fixture.store.scrub() == (number == count)) }
        }
    }

    @Test
    func `what is no whole snapshot is removed when the directory is opened`() throws {
        let fixture = try SnapshotFixture(size: 9_000, keeping: 9)
        let kept = try fixture.build(index: 1)
        let (short, rotten, lost) = try (
            fixture.build(index: 2), fixture.build(index: 3), fixture.build(index: 4)
        )
        let directory = SnapshotFixture.directory
        let disk = fixture.disk
        disk.setContents("\(directory)/\(short.id).chunks", [1])
        disk.flipBit("\(directory)/\(rotten.id).manifest", at: 70, bit: 0)
        try disk.remove("\(directory)/\(lost.id).chunks")
        disk.setContents("\(directory)/building.new", [1])
        disk.setContents("\(directory)/x.manifest.new", [1])
        let store = try fixture.reopened()
        #expect(store.manifests == [kept])
        #expect(store.removedAtOpen.count == 7)
        #expect(try disk.list(directory).count == 2)
        let foreign = try SnapshotStore(
            directory: directory,
            on: disk,
            cluster: ClusterID(high: 1, low: 1)
        )
        #expect(foreign.manifests.isEmpty)
    }

    @Test
    func `a source that ends too early is no snapshot`() throws {
        let fixture = try SnapshotFixture(size: 9_000)
        let old = try fixture.build(index: 5)
        var source = fixture.source(index: 6)
        source.size = 9_001
        let builder = try fixture.store.build(source, chunkSize: 4_096)
        _ = try builder.step()
        _ = try builder.step()
        #expect(throws: StorageError.sourceEnded(file: source.path, offset: 9_000)) {
            try builder.step()
        }
        #expect(fixture.store.manifests == [old])
        #expect(try fixture.disk.list(SnapshotFixture.directory).count == 2)
        try fixture.build(index: 7)
    }

    // MARK: Crashes, failures, no room

    @Test
    func `a crash at any disk operation leaves the old snapshot whole or the new one`() throws {
        let trial = try SnapshotFixture(size: 20_000)
        try trial.build(index: 5)
        let first = trial.disk.statistics.operations
        try trial.build(index: 6)
        let operations = trial.disk.statistics.operations - first
        var outcomes: [Int] = []
        for nth in 1...operations {
            for round in 0..<4 {
                let fixture = try SnapshotFixture(size: 20_000, seed: UInt64(nth * 4 + round))
                try fixture.build(index: 5)
                fixture.disk.crash(atOperation: nth)
                #expect(throws: StorageError.self) { try fixture.build(index: 6) }
                fixture.disk.restart()
                let store = try fixture.reopened()
                try #require(!store.manifests.isEmpty, "operation \(nth)")
                for manifest in store.manifests {
                    for number in manifest.chunks.indices {
                        _ = try store.chunk(number, of: manifest.id)
                    }
                }
                let names = try fixture.disk.list(SnapshotFixture.directory)
                #expect(names.count == 2 * store.manifests.count, "\(names)")
                outcomes.append(store.manifests.count)
                outcomes.append(Int(try #require(store.manifests.last).start.position.index.value))
            }
        }
        #expect(Set(outcomes) == [1, 2, 5, 6])
    }

    @Test
    func `without room there is a clear error, nothing is left, and the old snapshot stays`() throws
    {
        for room in stride(from: 0, to: 16_000, by: 509) {
            let fixture = try SnapshotFixture(size: 20_000)
            let old = try fixture.build(index: 5)
            let names = try fixture.disk.list(SnapshotFixture.directory)
            fixture.disk.capacity = fixture.disk.usedBytes + room
            do throws(StorageError) {
                _ = try fixture.build(index: 6)
                #expect(room > 8_000)
            } catch {
                guard case .snapshotFailed(let cause) = error, cause.isOutOfSpace else {
                    Issue.record("\(error)")
                    continue
                }
                #expect(try fixture.disk.list(SnapshotFixture.directory) == names)
                #expect(fixture.store.manifests == [old])
                fixture.disk.capacity = nil
                try fixture.build(index: 6)
            }
        }
    }

    @Test(arguments: SimulatedDisk.Fallible.allCases)
    func `a failure of any disk call leaves a snapshot that is whole`(
        kind: SimulatedDisk.Fallible
    ) throws {
        for nth in 1...8 {
            let fixture = try SnapshotFixture(size: 20_000)
            try fixture.build(index: 5)
            fixture.disk.fail(kind, nth: nth)
            do throws(StorageError) {
                _ = try fixture.build(index: 6)
            } catch {
                guard case .snapshotFailed = error else {
                    Issue.record("\(error)")
                    continue
                }
            }
            fixture.disk.forgetFaults()
            let store = try fixture.reopened()
            let newest = try #require(store.manifests.last)
            for number in newest.chunks.indices { _ = try store.chunk(number, of: newest.id) }
            #expect(store.manifests == fixture.store.manifests || store.manifests.count == 2)
        }
    }

    @Test
    func `a real disk keeps what a simulated one does`() throws {
        let directory = "/tmp/cadastre-snapshots-\(getpid())"
        let disk = PosixDisk()
        try disk.createDirectory(directory)
        defer {
            for name in (try? disk.list(directory)) ?? [] {
                try? disk.remove("\(directory)/\(name)")
            }
            rmdir(directory)
        }
        let fixture = try SnapshotFixture(size: 3_000_000)
        let path = "\(directory)/source"
        try disk.replace("source", in: directory, with: fixture.contents)
        let store = try SnapshotStore(
            directory: directory,
            on: disk,
            cluster: Samples.cluster
        )
        var source = fixture.source(index: 5)
        source.path = path
        let builder = try store.build(source)
        while try !builder.step() {}
        let manifest = try builder.finish()
        let receiver = try store.receive(manifest, group: .directory, notOlderThan: LogIndex(5))
        while receiver.stage != .fetching { _ = try receiver.step() }
        for number in receiver.missing(maximumCount: 100) {
            let chunk = try store.chunk(number, of: manifest.id)
            #expect(try receiver.receive(chunk, chunk: number) == .kept)
        }
        while receiver.stage != .complete { _ = try receiver.step() }
        #expect(
            try disk.readWhole(receiver.path, maximumSize: 1 << 23) == fixture.contents
        )
        try receiver.end()
        #expect(try disk.list(directory).count == 3)
    }
}

/// A store on a simulated disk, with a file to make snapshots of.
final class SnapshotFixture {
    static let directory = "data/snapshots"
    let disk: SimulatedDisk
    let contents: [UInt8]
    private(set) var store: SnapshotStore
    private let keeping: Int

    init(size: Int, seed: UInt64 = 1, keeping: Int = 1) throws {
        disk = SimulatedDisk(seed: seed)
        self.keeping = keeping
        // One half cannot be compressed.
        let noise = Samples.noise(size / 2 + 8, seed: 3)
        let bytes = Array(noise.prefix(size / 2)) + [UInt8](repeating: 7, count: size - size / 2)
        contents = bytes
        try disk.createDirectory("data")
        disk.setContents("data/source", bytes)
        store = try SnapshotStore(
            directory: Self.directory,
            on: disk,
            cluster: Samples.cluster,
            keeping: keeping
        )
    }

    /// What the next start finds.
    func reopened() throws(StorageError) -> SnapshotStore {
        try SnapshotStore(
            directory: Self.directory,
            on: disk,
            cluster: Samples.cluster,
            keeping: keeping
        )
    }

    func source(index: UInt64, group: GroupID = .directory) -> SnapshotSource {
        SnapshotSource(
            path: "data/source",
            size: contents.count,
            group: group,
            start: LogStart(
                position: LogPosition(index: LogIndex(index), term: Term(2)),
                hash: EntryHash(1, 2, 3, index),
                configuration: Samples.configuration
            ),
            digestHigh: 5,
            digestLow: 6,
            clusterTime: 7
        )
    }

    @discardableResult
    func build(
        index: UInt64,
        group: GroupID = .directory
    ) throws(StorageError) -> SnapshotManifest {
        let builder = try store.build(source(index: index, group: group), chunkSize: 4_096)
        while try !builder.step() {}
        return try builder.finish()
    }
}
