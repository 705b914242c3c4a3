internal import COpenSSL

/// One error that OpenSSL left in its queue for this thread.
struct LibraryError {
    /// Library and reason, packed by OpenSSL; 0 if the queue was empty.
    let code: UInt

    /// Takes the oldest error, the cause of the others, and empties the queue.
    static func take() -> LibraryError {
        let error = LibraryError(code: ERR_get_error())
        ERR_clear_error()
        return error
    }

    /// The reason within its library.
    var reason: Int32 { ERR_GET_REASON(code) }

    /// The alert that the peer sent, if that is the reason.
    var alert: UInt8? {
        guard code != 0, ERR_GET_LIB(code) == ERR_LIB_SSL else { return nil }
        return UInt8(exactly: Int(reason) - Int(SSL_AD_REASON_OFFSET))
    }

    /// OpenSSL's words for it.
    var text: String {
        guard code != 0 else { return "no reason given" }
        guard let text = unsafe ERR_reason_error_string(code) else { return "error \(code)" }
        return unsafe String(cString: text)
    }

    /// The failure of an operation that should not fail.
    static func failure(_ operation: String) -> TLSError {
        .library(operation: operation, reason: take().text)
    }
}
