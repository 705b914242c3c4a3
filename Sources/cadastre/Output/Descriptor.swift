internal import Foundation

/// Writing to what is open already, whatever it takes at a time.
enum Descriptor {
    /// Writes all bytes.
    ///
    /// Returns 0, or the number of the system's error.
    static func write(_ bytes: some Sequence<UInt8>, to descriptor: Int32) -> Int32 {
        let bytes = Array(bytes)
        var written = 0
        while written < bytes.count {
            let count = unsafe bytes.withUnsafeBytes {
                let rest = unsafe UnsafeRawBufferPointer(rebasing: $0[written...])
                return unsafe Foundation.write(descriptor, rest.baseAddress, rest.count)
            }
            if count > 0 {
                written += count
            } else if count < 0, errno == EAGAIN {
                // A pipe that its other end made non-blocking.
                var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                _ = unsafe poll(&waiting, 1, -1)
            } else if count < 0, errno != EINTR {
                return errno
            }
        }
        return 0
    }
}

/// The system's errors in words.
enum SystemError {
    /// What the last call of the system said.
    static var last: String { text(errno) }

    /// What a number means, for the end of a sentence.
    static func text(_ number: Int32) -> String {
        guard let text = unsafe strerror(number) else { return "error \(number)" }
        return unsafe String(cString: text)
    }
}
