/// The limits of the client, each with its reason.
package enum ClientLimits {
    /// A session's slots when nothing else is asked: as many writes can be on their way at once.
    package static let defaultSessionSlots: UInt32 = 256
    /// What the protocol allows for one session.
    package static let maximumSessionSlots: UInt32 = 1024
    /// Requests on their way on one connection; a node answers `overloaded` past its own bound.
    package static let maximumInFlightPerConnection = 1024
    /// Requests inside the client, waiting ones included; more are refused at once.
    package static let maximumRequests = 65_536
    /// Bytes of all requests inside the client: a few dozen of the largest, or 65,536 of 4 KiB.
    package static let maximumRequestBytes = 256 * 1_048_576
    /// Connections to one node.
    package static let maximumConnectionsPerNode = 64
    /// Nodes that a client gets to know; hints beyond are not followed.
    package static let maximumEndpoints = 64
    /// The longest deadline of a request: a day.
    package static let maximumDeadline = Duration.seconds(86_400)
    /// A connection that could not be made while others of its node are well is tried again after
    /// this, doubled with every failure up to 32 times, in milliseconds.
    package static let reopenMilliseconds: Int64 = 100
}
