import CadastreDisk
import Testing

/// The cases that every disk passes.
///
/// `directory` is empty and belongs to the case.
struct DiskContract {
    let disk: any Disk
    let directory: String

    static let cases: [(name: String, run: @Sendable (DiskContract) throws -> Void)] = [
        ("bytes are read where they were written", { try $0.readsWhatWasWritten() }),
        ("a file grows by zeros", { try $0.growsByZeros() }),
        ("truncating cuts and extends", { try $0.truncates() }),
        ("preallocating and filling with zeros", { try $0.fills() }),
        ("the four ways to open", { try $0.opens() }),
        ("names are listed sorted, renamed, removed", { try $0.names() }),
        ("directories", { try $0.directories() }),
        ("what is held in memory can be let go of", { try $0.forgets() }),
        ("what is written may be sent on its way", { try $0.starts() }),
        ("a removed file stays usable while open", { try $0.removedWhileOpen() }),
        ("one owner of a lock", { try $0.locks() }),
        ("a closed file refuses", { try $0.closed() }),
        ("replacing a small file", { try $0.replaces() }),
    ]

    private func path(_ name: String) -> String { "\(directory)/\(name)" }

    private func code(_ body: () throws -> Void) -> String? {
        do {
            try body()
            return nil
        } catch let error as DiskError {
            return error.name
        } catch {
            return "another error"
        }
    }

    private func readsWhatWasWritten() throws {
        let file = try disk.open(path("a"), mode: .create)
        try file.write(at: 0, [1, 2, 3, 4, 5])
        try file.write(at: 2, [9])
        #expect(try file.read(at: 0, count: 5) == [1, 2, 9, 4, 5])
        #expect(try file.read(at: 3, count: 100) == [4, 5])
        #expect(try file.read(at: 5, count: 1) == [])
        #expect(try file.read(at: 500, count: 1) == [])
        #expect(try file.read(at: 0, count: 0) == [])
        try file.write(at: 0, [])
        try file.sync()
        #expect(try file.size() == 5)
        #expect(file.path == path("a"))
        let large = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        try file.write(at: 3, large)
        #expect(try file.read(at: 3, count: 300_000) == large)
        let other = try disk.open(path("a"), mode: .read)
        #expect(try other.read(at: 0, count: 4) == [1, 2, 9, 0])
        other.close()
        file.close()
    }

    private func growsByZeros() throws {
        let file = try disk.open(path("a"), mode: .create)
        try file.write(at: 1_000, [1])
        #expect(try file.size() == 1_001)
        #expect(try file.read(at: 998, count: 9) == [0, 0, 1])
        file.close()
    }

    private func truncates() throws {
        let file = try disk.open(path("a"), mode: .create)
        try file.write(at: 0, [1, 2, 3])
        try file.truncate(to: 1)
        try file.truncate(to: 4)
        #expect(try file.read(at: 0, count: 9) == [1, 0, 0, 0])
        try file.truncate(to: 0)
        #expect(try file.size() == 0)
        file.close()
    }

    private func fills() throws {
        let file = try disk.open(path("a"), mode: .create)
        try file.preallocate(5_000)
        #expect(try file.size() == 5_000)
        try file.preallocate(4)
        #expect(try file.size() == 5_000)
        try file.write(at: 0, [UInt8](repeating: 1, count: 5_000))
        try file.zeroFill(10..<4_990)
        try file.zeroFill(20..<20)
        let bytes = try file.read(at: 0, count: 5_000)
        #expect(bytes.count { $0 == 1 } == 20)
        #expect(bytes[9] == 1 && bytes[10] == 0 && bytes[4_989] == 0 && bytes[4_990] == 1)
        try file.zeroFill(4_999..<1_100_000)
        #expect(try file.size() == 1_100_000)
        file.close()
    }

    private func opens() throws {
        #expect(code { _ = try disk.open(path("a"), mode: .read) } == "ENOENT")
        #expect(code { _ = try disk.open(path("a"), mode: .readWrite) } == "ENOENT")
        try disk.open(path("a"), mode: .createExclusively).close()
        #expect(code { _ = try disk.open(path("a"), mode: .createExclusively) } == "EEXIST")
        let file = try disk.open(path("a"), mode: .create)
        try file.write(at: 0, [7])
        file.close()
        let reader = try disk.open(path("a"), mode: .read)
        #expect(code { try reader.write(at: 0, [1]) } == "EBADF")
        #expect(try reader.read(at: 0, count: 1) == [7])
        reader.close()
        #expect(code { _ = try disk.open(path("none/a"), mode: .create) } == "ENOENT")
        #expect(code { _ = try disk.open(directory, mode: .read) } != nil)
    }

    private func names() throws {
        for name in ["b", "a", "é", "B", "c.1"] {
            try disk.open(path(name), mode: .create).close()
        }
        #expect(try disk.list(directory) == ["B", "a", "b", "c.1", "é"])
        let file = try disk.open(path("a"), mode: .readWrite)
        try file.write(at: 0, [1])
        file.close()
        try disk.rename(path("a"), to: path("b"))
        #expect(try disk.readWhole(path("b"), maximumSize: 9) == [1])
        #expect(code { _ = try disk.readWhole(path("b"), maximumSize: 0) } == "EFBIG")
        #expect(try !disk.exists(path("a")))
        #expect(try disk.exists(path("b")))
        try disk.remove(path("b"))
        #expect(code { try disk.remove(path("b")) } == "ENOENT")
        #expect(code { try disk.rename(path("b"), to: path("d")) } == "ENOENT")
        try disk.syncDirectory(directory)
        #expect(try disk.freeSpace(directory) > 0)
        #expect(code { _ = try disk.list(path("none")) } == "ENOENT")
    }

    private func directories() throws {
        try disk.createDirectory(path("x/y/z"))
        try disk.createDirectory(path("x/y/z"))
        #expect(try disk.exists(path("x/y")))
        try disk.open(path("x/y/z/file"), mode: .create).close()
        try disk.open(path("x/file"), mode: .create).close()
        #expect(try disk.list(path("x")) == ["file", "y"])
        #expect(try disk.list(path("x/y/z")) == ["file"])
        try disk.rename(path("x/y/z/file"), to: path("x/other"))
        #expect(try disk.list(path("x")) == ["file", "other", "y"])
        try disk.syncDirectory(path("x/y"))
        #expect(code { try disk.syncDirectory(path("none")) } == "ENOENT")
    }

    private func forgets() throws {
        let file = try disk.open(path("a"), mode: .create)
        try file.write(at: 0, [1, 2, 3])
        try file.forgetCache()
        #expect(try file.read(at: 0, count: 9) == [1, 2, 3])
        try file.sync()
        try file.write(at: 1, [7])
        try file.forgetCache()
        #expect(try file.read(at: 0, count: 9) == [1, 7, 3])
        #expect(try file.size() == 3)
        file.close()
        #expect(code { try file.forgetCache() } == "EBADF")
    }

    private func starts() throws {
        let file = try disk.open(path("a"), mode: .create)
        try file.write(at: 0, [1, 2, 3])
        file.startWriting(0..<3)
        file.startWriting(2..<1 << 40)
        try file.write(at: 1, [7])
        #expect(try file.read(at: 0, count: 9) == [1, 7, 3])
        #expect(try file.size() == 3)
        try file.sync()
        file.close()
        // Advice: nobody is told that there is nothing to do.
        file.startWriting(0..<3)
    }

    /// On a disk that has some room, but not a tebibyte.
    func runsOutOfRoom() throws {
        let free = try disk.freeSpace(directory)
        let file = try disk.open(path("a"), mode: .create)
        try file.write(at: 0, [1, 2, 3])
        try file.sync()
        let error = #expect(throws: DiskError.self) { try file.preallocate(1 << 40) }
        #expect(error?.isOutOfSpace == true)
        #expect(error?.isShortage == true)
        // What was there is as it was, and the room comes back with the file.
        #expect(try file.read(at: 0, count: 3) == [1, 2, 3])
        try file.write(at: 0, [4])
        try file.sync()
        file.close()
        try disk.remove(path("a"))
        #expect(try disk.freeSpace(directory) > free / 2)
        try disk.replace("b", in: directory, with: [1])
    }

    private func removedWhileOpen() throws {
        let file = try disk.open(path("a"), mode: .create)
        try file.write(at: 0, [1])
        try disk.remove(path("a"))
        #expect(try file.read(at: 0, count: 1) == [1])
        try disk.open(path("a"), mode: .create).close()
        #expect(try file.size() == 1)
        file.close()
    }

    private func locks() throws {
        let lock = try disk.lock(path("lock"))
        let error = #expect(throws: DiskError.self) { _ = try disk.lock(path("lock")) }
        #expect(error?.isLocked == true)
        lock.release()
        lock.release()
        let again = try disk.lock(path("lock"))
        #expect(try disk.list(directory) == ["lock"])
        again.release()
    }

    private func closed() throws {
        let file = try disk.open(path("a"), mode: .create)
        file.close()
        file.close()
        #expect(code { try file.write(at: 0, [1]) } == "EBADF")
        #expect(code { _ = try file.size() } == "EBADF")
        #expect(code { try file.sync() } == "EBADF")
    }

    private func replaces() throws {
        try disk.replace("small", in: directory, with: [1, 2, 3])
        try disk.replace("small", in: directory, with: [4])
        #expect(try disk.readWhole(path("small"), maximumSize: 9) == [4])
        #expect(try disk.list(directory) == ["small"])
    }
}
