/// How the tool ends, for scripts.
///
/// The numbers are those of sysexits.h, and 128 + the signal's number after a signal.
enum ExitStatus: Int32, CaseIterable, Sendable {
    /// What was asked is done.
    case done = 0
    /// The command line cannot be read.
    case usage = 64
    /// Data is wrong: lines of a file, a digest that differs, a request that the cluster refuses.
    case badData = 65
    /// Something named is not there: a file, a tenant, a bucket, an object.
    case missingInput = 66
    /// The cluster cannot be reached, or has no leader.
    case unavailable = 69
    /// A fault of this program.
    case internalFault = 70
    /// A file cannot be created.
    case cannotCreate = 73
    /// Reading or writing a file failed.
    case inputOutput = 74
    /// Nobody knows whether it happened, or the cluster is busy: try again.
    case tryAgain = 75
    /// A node sent what cannot be read.
    case protocolFault = 76
    /// The identity may not do this, or one side does not let the other in.
    case notPermitted = 77
    /// A profile, certificate, key or environment variable is wrong.
    case configuration = 78
    /// SIGINT ended it in order.
    case interrupted = 130
    /// SIGTERM ended it in order.
    case terminated = 143

    /// What it means, for the help.
    var meaning: String {
        switch self {
        case .done: "done"
        case .usage: "the command line cannot be read"
        case .badData: "data is wrong, digests differ, or the cluster refuses the request"
        case .missingInput: "a file, tenant, bucket or object is not there"
        case .unavailable: "the cluster cannot be reached or has no leader"
        case .internalFault: "a fault of this program"
        case .cannotCreate: "a file cannot be created"
        case .inputOutput: "reading or writing a file failed"
        case .tryAgain: "the outcome is unknown or the cluster is busy: try again"
        case .protocolFault: "a node sent what cannot be read"
        case .notPermitted: "not permitted, or a certificate is refused"
        case .configuration: "a profile, certificate, key or variable is wrong"
        case .interrupted: "interrupted (SIGINT); what was acknowledged is kept"
        case .terminated: "terminated (SIGTERM); what was acknowledged is kept"
        }
    }

    /// All of them, as the help shows them.
    static var table: String {
        allCases.map { status in
            let number = String(status.rawValue)
            return "  \(number)\(String(repeating: " ", count: 5 - number.count))\(status.meaning)"
        }
        .joined(separator: "\n")
    }
}
