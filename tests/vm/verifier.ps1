#Requires -RunAsAdministrator
<#
.SYNOPSIS
Sets Driver Verifier on the driver, or takes it off. Either takes a restart.

.DESCRIPTION
The flags are those that matter to an NDIS filter: the standard ones, 0x209BB (special pool, IRQL
checking, pool tracking, I/O verification, deadlock detection, DMA checking, security checks,
miscellaneous checks, DDI compliance), and 0x200000, NDIS/WIFI verification.

.PARAMETER Off
Takes Driver Verifier off every driver.

.PARAMETER LowResources
Adds 0x4: allocations fail at random. The self-test then reports refused frames, which is right;
what counts is that nothing crashes, leaks or hangs.
#>
[CmdletBinding()]
param(
    [switch] $Off,
    [switch] $LowResources
)
. (Join-Path $PSScriptRoot 'common.ps1')

# 2 says that a restart is due.
if ($Off) {
    Invoke-Program 'verifier.exe' @('/reset') -Expected 0, 2
} else {
    $flags = 0x2209BB
    if ($LowResources) { $flags = $flags -bor 0x4 }
    $flags = '0x{0:X}' -f $flags
    Invoke-Program 'verifier.exe' @('/flags', $flags, '/driver', $Driver) -Expected 0, 2
}
Write-Host 'Restart for it to take effect.'
