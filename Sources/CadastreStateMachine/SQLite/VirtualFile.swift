internal import CSQLite
internal import CadastreDisk

/// One file that SQLite has open.
///
/// A piece that could not be written poisons the file, since SQLite believes it to be there: every
/// later call fails, and the connection must be closed and opened again.
final class VirtualFile {
    /// What it is for.
    enum Kind { case main, log, journal }

    let kind: Kind
    private let file: any DiskFile
    private unowned let files: VirtualFiles
    /// Bytes of the log that are not yet handed to the disk, and where they belong.
    private var pending: [UInt8] = []
    private var pendingOffset = 0
    /// A piece could not be written: what SQLite believes to be in the file is not.
    private var isPoisoned = false
    /// What was written and is not yet known to be on its way to the device: from where to where it
    /// lies, and how many bytes it is.
    private var unstarted: (range: Range<Int>, size: Int)?
    /// The end of the frames written since the log was last begun anew.
    var logSize: Int
    private var needsDirectorySync = true

    /// Pieces of this many bytes are written at once.
    private static let maximumPending = 256 << 10
    /// So many bytes written are sent on their way to the device.
    ///
    /// Else hundreds of megabytes wait for a sync, when rows far from each other change, and every
    /// other sync of the machine waits behind them.
    private static let maximumUnstarted = 1 << 20

    init(_ file: any DiskFile, kind: Kind, size: Int, in files: VirtualFiles) {
        self.file = file
        self.kind = kind
        self.files = files
        logSize = size
    }

    func abandon() {
        isPoisoned = true
        pending = [0]
    }

    func flush() throws(DiskError) {
        guard !pending.isEmpty else { return }
        if isPoisoned {
            throw DiskError(operation: .write, path: file.path, code: DiskError.inputOutput)
        }
        isPoisoned = true
        try file.write(at: pendingOffset, pending)
        wrote(pendingOffset..<pendingOffset + pending.count)
        isPoisoned = false
        pending.removeAll(keepingCapacity: true)
    }

    func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) -> Int32 {
        do {
            if offset + buffer.count > pendingOffset, offset < pendingOffset + pending.count {
                try flush()
            }
            let found = try unsafe file.read(at: offset, into: buffer)
            guard found < buffer.count else { return SQLITE_OK }
            // SQLite asks for zeros behind the end.
            unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[found...])
                .initializeMemory(as: UInt8.self, repeating: 0)
            return inputOutput(2)
        } catch {
            return files.code(of: error, inputOutput(1))
        }
    }

    func write(at offset: Int, _ buffer: UnsafeRawBufferPointer) -> Int32 {
        do {
            if kind == .log {
                logSize = offset == 0 ? buffer.count : max(logSize, offset + buffer.count)
                if offset != pendingOffset + pending.count || pending.count >= Self.maximumPending {
                    try flush()
                    pendingOffset = offset
                }
                unsafe pending.append(contentsOf: buffer)
            } else {
                try flush()
                try unsafe file.write(at: offset, buffer)
                wrote(offset..<offset + buffer.count)
            }
            return SQLITE_OK
        } catch {
            return files.code(of: error, inputOutput(3))
        }
    }

    /// The pages of a checkpoint come in the order of their places, so a range of them holds little else.
    private func wrote(_ piece: Range<Int>) {
        let (range, size) = unstarted ?? (piece, 0)
        let all = min(range.lowerBound, piece.lowerBound)..<max(range.upperBound, piece.upperBound)
        if size + piece.count < Self.maximumUnstarted {
            unstarted = (all, size + piece.count)
        } else {
            file.startWriting(all)
            unstarted = nil
        }
    }

    func truncate(to size: Int) -> Int32 {
        do {
            try flush()
            try file.truncate(to: size)
            logSize = min(logSize, size)
            return SQLITE_OK
        } catch {
            return files.code(of: error, inputOutput(6))
        }
    }

    func sync() -> Int32 {
        do {
            try flush()
        } catch {
            return files.code(of: error, inputOutput(4))
        }
        do {
            try file.sync()
            unstarted = nil
            if needsDirectorySync {
                try files.disk.syncDirectory(directoryName(of: file.path))
                needsDirectorySync = false
            }
            return SQLITE_OK
        } catch {
            files.noteSyncFailure()
            return files.code(of: error, inputOutput(4))
        }
    }

    func size() -> Int? {
        do {
            try flush()
            return try file.size()
        } catch {
            _ = files.code(of: error, SQLITE_OK)
            return nil
        }
    }

    func close() {
        if !isPoisoned, !pending.isEmpty {
            do {
                try flush()
            } catch {
                _ = files.code(of: error, SQLITE_OK)
            }
        }
        file.close()
        files.closed(self)
    }
}
