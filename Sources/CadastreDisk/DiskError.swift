internal import Glibc

/// What the operating system refused, where, and by which name it calls the reason.
package struct DiskError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What was being done.
    package enum Operation: String, Hashable, Sendable, CaseIterable {
        case open, read, write, sync, size, truncate, preallocate, forgetCache
        case exists, list, rename, remove, createDirectory, syncDirectory, lock, freeSpace
    }

    /// What was being done.
    package var operation: Operation
    /// To which file or directory.
    package var path: String
    /// At which byte, where that means something.
    package var offset: Int?
    /// The `errno`; ``crashed`` from a simulated disk whose machine has stopped.
    package var code: Int32

    /// Describes one failure.
    package init(operation: Operation, path: String, offset: Int? = nil, code: Int32) {
        self.operation = operation
        self.path = path
        self.offset = offset
        self.code = code
    }

    /// The code of every call to a simulated disk between its crash and its restart.
    package static let crashed: Int32 = -1
    /// `EBADF`.
    package static let closed: Int32 = EBADF
    /// `EFBIG`.
    package static let tooLarge: Int32 = EFBIG
    /// `EIO`.
    package static let inputOutput: Int32 = EIO
    /// `ENOSPC`.
    package static let noSpace: Int32 = ENOSPC
    /// `ENOENT`.
    package static let notFound: Int32 = ENOENT

    /// `EMFILE`.
    package static let tooManyFiles: Int32 = EMFILE
    /// `EACCES`.
    package static let notPermitted: Int32 = EACCES

    /// Whether freeing space would help.
    package var isOutOfSpace: Bool { code == ENOSPC || code == EDQUOT }
    /// Whether waiting may help: for space, or for descriptors that others give back.
    package var isShortage: Bool { isOutOfSpace || code == EMFILE || code == ENFILE }
    /// Whether the device did not give back what it holds; asking again changes nothing.
    package var isUnreadable: Bool { operation == .read && code == EIO }
    /// Whether the file or its directory does not exist.
    package var isMissing: Bool { code == ENOENT }
    /// Whether another owner has the lock.
    package var isLocked: Bool { operation == .lock && code == EAGAIN }
    /// Whether a simulated machine has stopped.
    package var isCrash: Bool { code == DiskError.crashed }

    /// The reason by its symbolic name.
    package var name: String {
        DiskError.names.first { $0.code == code }?.name ?? "errno \(code)"
    }

    package var description: String {
        let place = offset.map { " at byte \($0)" } ?? ""
        return "\(operation.rawValue) of \(path)\(place) failed: \(name)"
    }

    private static let names: [(code: Int32, name: String)] = [
        (crashed, "CRASHED"), (EIO, "EIO"), (ENOSPC, "ENOSPC"), (EDQUOT, "EDQUOT"),
        (EROFS, "EROFS"), (ENOENT, "ENOENT"), (EEXIST, "EEXIST"), (EACCES, "EACCES"),
        (EPERM, "EPERM"), (EMFILE, "EMFILE"), (ENFILE, "ENFILE"), (ENOTDIR, "ENOTDIR"),
        (EISDIR, "EISDIR"), (EBADF, "EBADF"), (EINVAL, "EINVAL"), (EFBIG, "EFBIG"),
        (ESTALE, "ESTALE"), (EAGAIN, "EAGAIN"), (ENOMEM, "ENOMEM"), (ELOOP, "ELOOP"),
        (ENAMETOOLONG, "ENAMETOOLONG"), (ENOTEMPTY, "ENOTEMPTY"), (EXDEV, "EXDEV"),
        (EBUSY, "EBUSY"), (ENXIO, "ENXIO"), (ENODEV, "ENODEV"), (EOPNOTSUPP, "EOPNOTSUPP"),
        (ETXTBSY, "ETXTBSY"), (EOVERFLOW, "EOVERFLOW"), (ENOSYS, "ENOSYS"), (EINTR, "EINTR"),
    ]
}
