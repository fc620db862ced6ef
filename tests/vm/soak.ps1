#Requires -RunAsAdministrator
<#
.SYNOPSIS
Tests the driver again and again while the stack below and above it changes.

.DESCRIPTION
Until the time is up: the self-test, then a change of the stack that makes NDIS pause, restart,
detach or attach the filter, in turn. At the end the driver is unloaded, so that Driver Verifier
looks for what it left behind, and loaded again. A crash ends the machine, not the script: then
collect.ps1 finds the dump.

The adapters lose their connections while this runs. Use the console of the VM, not Remote Desktop.

.PARAMETER Minutes
How long.

.PARAMETER Adapter
The adapter whose stack changes; by default the first with a connection that the filter is bound to.
#>
[CmdletBinding()]
param(
    [ValidateRange(1, 10000)] [int] $Minutes = 10,
    [string] $Adapter
)
. (Join-Path $PSScriptRoot 'common.ps1')

if (-not (Test-Verifier)) {
    Write-Warning 'Driver Verifier does not watch the driver; verifier.ps1 sets it'
}
$Adapter = Get-TestAdapter $Adapter

# Takes a component off the adapter, and puts it back.
function Reset-Binding {
    param([Parameter(Mandatory)] [string] $ComponentId)
    $binding = @{ Name = $Adapter; ComponentID = $ComponentId }
    if (-not (Get-NetAdapterBinding @binding -ErrorAction SilentlyContinue | Where-Object Enabled)) {
        Write-Warning "$ComponentId is not bound to ${Adapter}: it cannot leave"
        return
    }
    Disable-NetAdapterBinding @binding -Confirm:$false
    Enable-NetAdapterBinding @binding -Confirm:$false
}

# Each makes NDIS take the module through other states.
$changes = @(
    @{ Name = 'another filter leaves and comes back'; Change = { Reset-Binding 'ms_pacer' } }
    @{ Name = 'the filter itself leaves and comes back'; Change = { Reset-Binding $Component } }
    @{ Name = 'a protocol leaves and comes back'; Change = { Reset-Binding 'ms_lltdio' } }
    @{ Name = 'the adapter is restarted'; Change = {
        Restart-NetAdapter -Name $Adapter -Confirm:$false
    } }
)

New-Item -ItemType Directory -Force -Path $Results | Out-Null
$until = (Get-Date).AddMinutes($Minutes)
$rounds = 0
$failures = 0
while ((Get-Date) -lt $until) {
    $change = $changes[$rounds % $changes.Count]
    Write-Progress -Activity "Soaking $Adapter" -Status "$rounds rounds, $failures failures" `
        -CurrentOperation $change.Name
    $answer = ''
    try {
        & $change.Change
        Wait-Adapter $Adapter
        $answer = Invoke-SelfTest $Adapter '--json' | Out-String
        $failure = if ($LASTEXITCODE -ne 0) { "status $LASTEXITCODE" }
    } catch {
        $failure = "$_"
    }
    if ($failure) {
        $failures++
        $kept = Join-Path $Results "soak-failure-$failures.txt"
        Set-Content -Encoding UTF8 -Path $kept -Value "after $($change.Name): $failure", $answer
        Write-Warning "round ${rounds}, after $($change.Name): $failure; see $kept"
    }
    $rounds++
}
Write-Progress -Activity "Soaking $Adapter" -Completed

# Driver Verifier breaks here if anything was left behind.
Invoke-Program 'sc.exe' @('stop', $Service)
$until = (Get-Date).AddMinutes(1)
while ((Get-DriverState) -ne 'Stopped') {
    if ((Get-Date) -gt $until) { throw 'after a minute the driver is not unloaded' }
    Start-Sleep -Milliseconds 500
}
Invoke-Program 'sc.exe' @('start', $Service)
Wait-Adapter $Adapter

Write-Outcome -Step 'soak' -Passed (($failures -eq 0) -and ($rounds -gt 0)) `
    -Detail "$rounds rounds in $Minutes minutes, $failures failures"
exit [int] ($failures -gt 0)
