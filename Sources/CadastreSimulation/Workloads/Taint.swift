internal import CadastreNode
internal import CadastreProtocol
internal import RaftCore

/// I12: what every value of a tenant carries, so that bytes that tell of it are known as its own
/// wherever they come out.
struct Taint {
    /// Of each tenant; no other bytes of a world look so.
    let markers: [[UInt8]]

    private static let head = UInt8(ascii: "~")
    private static let size = 9

    /// Draws a marker for each tenant: a head that is easy to look for, and 32 bits in letters.
    init(tenants: Int, _ chance: inout Chance) {
        markers = (0..<tenants).map { _ in
            let bits = chance.bits()
            let letters = (0..<8).map { UInt8(0x61 + (bits >> ($0 * 4)) & 0xF) }
            return [Self.head] + letters
        }
    }

    /// A tenant whose values are in the bytes, of those that may not be there.
    ///
    /// Cost: O(bytes).
    func stranger(in bytes: [UInt8], allowed: Int?) -> Int? {
        for place in bytes.indices.dropLast(Self.size - 1) where bytes[place] == Self.head {
            let found = bytes[place..<place + Self.size]
            for tenant in markers.indices where tenant != allowed {
                if found.elementsEqual(markers[tenant]) { return tenant }
            }
        }
        return nil
    }
}

extension Clients {
    /// Of which tenant a request is answered, if it is answered with anything.
    func tenant(of content: Content) -> Int? {
        switch content {
        case .command(_, let id), .query(_, let id): tenants.firstIndex { $0 == id && id != .none }
        }
    }

    /// Nobody is told what another tenant wrote.
    ///
    /// - Throws: If an answer to this attempt holds a marker that is not its tenant's.
    func checkTaint(_ reply: OutgoingReply, to attempt: Attempt) throws(Violation) {
        guard case .answer(let bytes) = reply.content else { return }
        let client = all[attempt.client]
        // A service sees what is of the tenant that it names, a tenant's client what is its own.
        let allowed = client.isService ? tenant(of: attempt.content) : client.tenant
        guard let stranger = taint.stranger(in: bytes, allowed: allowed) else { return }
        throw Violation(
            .tenantIsolation,
            "\(attempt) is answered with what tenant \(stranger) of the set-up wrote"
        )
    }
}
